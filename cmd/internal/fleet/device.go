package fleet

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"avportal/http/agent/wire"
)

// device is one simulated computer. Only one worker holds it at a time.
type device struct {
	name   string
	tid    string
	guid   string
	cred   wire.Credential
	known  bool // enrolled
	gone   bool // removed or refused for good
	due    time.Duration
	rnd    *rand.Rand
	facts  wire.Facts
	guards wire.Guards
	open   []wire.Threat
	shut   []wire.Threat // resolved since the last acknowledged report
	scan   *wire.Scan
}

type system struct{ os, version string }

func newDevice(cfg Config, i int) *device {
	rnd := rand.New(rand.NewPCG(cfg.Seed, uint64(i)))
	systems := []system{{"Windows", "11 Pro 23H2"}, {"Windows", "10 Pro 22H2"}, {"Windows", "Server 2022"}, {"macOS", "15.1"}, {"Debian", "12"}}
	places := []string{"EMPFANG", "BUCHHALTUNG", "LAGER", "WERKSTATT", "VERTRIEB", "LABOR", "KASSE", "SERVER"}
	s := systems[rnd.IntN(len(systems))]
	d := &device{
		name: fmt.Sprintf("%s-%04d", places[rnd.IntN(len(places))], i),
		tid:  cfg.TIDs[i%len(cfg.TIDs)],
		due:  time.Duration(rnd.Int64N(int64(cfg.Interval))),
		rnd:  rnd,
	}
	d.guid = d.uuid().String()
	for n := 0; n < wire.SecretBytes; n += 8 {
		v := rnd.Uint64()
		for b := range 8 {
			d.cred.Secret[n+b] = byte(v >> (8 * b))
		}
	}
	signatures := cfg.Start.Add(-time.Duration(rnd.IntN(48)) * time.Hour).UTC().Truncate(time.Hour)
	d.facts = wire.Facts{
		Hostname: d.name, OS: s.os, OSVersion: s.version, Arch: "amd64",
		IP: fmt.Sprintf("10.%d.%d.%d", i/60000%250, i/250%250, 1+i%250), Domain: "demo.example",
		ClientVersion: "1.0.0", Engine: wire.EngineBuiltin, EngineVersion: "1.0.0",
		SignatureVersion: signatures.Format("20060102.15"), SignatureDate: &signatures,
	}
	d.guards = wire.Guards{wire.GuardEngine: true, wire.GuardRealtime: true, wire.GuardMail: true, wire.GuardWeb: true}
	return d
}

// live lets one interval of the device's life happen. Rates are per report: at one report every 20 minutes, a device
// meets a threat about once in two weeks, and keeps it for some hours.
func (d *device) live(now time.Time, threats int) {
	for i := 0; i < len(d.open); i++ {
		if d.rnd.IntN(12) == 0 {
			t := d.open[i]
			t.Resolved, t.ResolvedAt = true, &now
			d.shut = append(d.shut, t)
			d.open = append(d.open[:i], d.open[i+1:]...)
			i--
		}
	}
	if d.rnd.IntN(1000) < threats {
		d.open = append(d.open, d.threat(now))
	}
	if d.rnd.IntN(2000) == 0 {
		d.guards[wire.GuardMail] = !d.guards[wire.GuardMail]
	}
	if age := now.Sub(*d.facts.SignatureDate); age > 8*time.Hour && d.rnd.IntN(4) == 0 {
		signatures := now.UTC().Truncate(time.Hour)
		d.facts.SignatureDate, d.facts.SignatureVersion = &signatures, signatures.Format("20060102.15")
	}
}

func (d *device) threat(now time.Time) wire.Threat {
	names := []string{"Win.Trojan.Agent", "Win.Worm.Mydoom", "Doc.Dropper.Emotet", "Html.Phishing.Bank", "Win.Ransomware.Demo"}
	return wire.Threat{
		ID: d.ulid(now), Name: names[d.rnd.IntN(len(names))], Path: fmt.Sprintf("/data/download/%08x.bin", d.rnd.Uint32()),
		Action: wire.ActionBlocked, FoundAt: now.UTC(),
	}
}

func (d *device) report(now time.Time) wire.Report {
	guards := wire.Guards{}
	for k, v := range d.guards {
		guards[k] = v
	}
	threats := append(append([]wire.Threat{}, d.open...), d.shut...)
	return wire.Report{
		ID: d.ulid(now), At: now.UTC(), Facts: d.facts, Guards: guards, Threats: threats, ThreatsComplete: true, LastScan: d.scan,
	}
}

func (d *device) ulid(now time.Time) string {
	var entropy [10]byte
	for i := range entropy {
		entropy[i] = byte(d.rnd.Uint32())
	}
	id := ulid.ULID{}
	// Both calls fail only on times beyond the year 10889 and on short entropy.
	_ = id.SetTime(ulid.Timestamp(now))
	_ = id.SetEntropy(entropy[:])
	return id.String()
}

func (d *device) uuid() uuid.UUID {
	var b [16]byte
	for i := range b {
		b[i] = byte(d.rnd.Uint32())
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, RFC 4122
	return b
}
