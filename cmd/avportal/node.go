package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"avportal/eventstore/node"
)

// nodeFlags are the settings of `avportal node`.
type nodeFlags struct {
	listen, data, cert, key string
	users, admins           []string // name:file
}

func nodeCommand() *cobra.Command {
	var flags nodeFlags
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Run the embedded EventStoreDB node alone",
		Long: "Run the embedded event store by itself: a single EventStoreDB node for small installations, that any EventStoreDB\n" +
			"client can talk to. Appends are answered after they are on disk.\n\n" +
			"On loopback and on a unix socket it speaks plaintext, to every user of this machine (a socket: to its owner). On\n" +
			"every other address it needs --tls-cert and --tls-key, and should have users: without any, everyone who reaches it\n" +
			"may do everything. A certificate that is renewed is used at once, without a restart.\n\n" +
			"A --user may read and write what access lists allow, by default all streams whose names don't begin with $. An\n" +
			"--admin may do everything. The portal reads links of system projections, so it needs an admin. Passwords stand in\n" +
			"files, never on the command line.\n\n" +
			"Limits: it is one node. There is no cluster and no replica, so the log is as safe as this one disk and its backups\n" +
			"(avportal log backup). There is no scavenging: $maxCount, $maxAge, truncation and deletion hide events and free no\n" +
			"space. Move to an EventStoreDB cluster when the log must survive the loss of the machine, when writing must go on\n" +
			"while a machine is down, or when one disk or one machine is no longer enough:\n\n" +
			"  1. avportal log copy --from esdb://127.0.0.1:2113?tls=false --to 'esdb+discover://admin:...@cluster:2113'\n" +
			"     while the portal runs; again, until little is left to copy\n" +
			"  2. stop the portal, and run the same command once more: it fetches the rest and compares both logs\n" +
			"  3. enable the projections $by_category and $by_correlation_id on the cluster, and start the portal with\n" +
			"     --eventstore-url of the cluster; its views are built anew, because positions differ\n\n" +
			"The way back is the same.",
		Example: "  avportal node --listen 127.0.0.1:2113 --data ./eventstore\n" +
			"  avportal node --listen unix:/run/avportal/node.sock --data ./eventstore\n" +
			"  avportal node --listen 0.0.0.0:2113 --tls-cert node.crt --tls-key node.key --admin portal:/etc/avportal/password",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := flags.config()
			if err != nil {
				return err
			}
			return runNode(cmd, cfg)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.listen, "listen", "127.0.0.1:2113", "address to listen on, or unix:/path")
	f.StringVar(&flags.data, "data", "eventstore", "folder of the log")
	f.StringVar(&flags.cert, "tls-cert", "", "file with the certificate (PEM, with the chain)")
	f.StringVar(&flags.key, "tls-key", "", "file with the key of the certificate (PEM)")
	f.StringArrayVar(&flags.users, "user", nil, "a user, as NAME:FILE with the password in the file; may be repeated")
	f.StringArrayVar(&flags.admins, "admin", nil, "a user who may do everything, as NAME:FILE; may be repeated")
	return cmd
}

func runNode(cmd *cobra.Command, cfg node.Config) error {
	path, isSocket := strings.CutPrefix(cfg.Listen, "unix:")
	if isSocket {
		if err := removeStaleSocket(path); err != nil {
			return err
		}
	}
	n, err := node.Open(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	if isSocket {
		err = os.Chmod(path, 0o600)
		fmt.Fprintln(cmd.OutOrStdout(), "serving", cfg.Listen)
	} else {
		fmt.Fprintln(cmd.OutOrStdout(), "serving", n.ConnectionString())
	}
	if err == nil {
		select {
		case <-cmd.Context().Done():
		case <-n.Failed():
			err = n.Failure()
		}
	}
	if closeErr := n.Close(); err == nil {
		err = closeErr
	}
	return err
}

// removeStaleSocket removes what a node that was killed has left. A socket that somebody listens on stays.
func removeStaleSocket(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return nil //nolint:nilerr // listening will tell
	}
	conn, err := net.Dial("unix", path) //nolint:noctx // takes no time, and one that is given up must not look stale
	if err == nil {
		return errors.Join(fmt.Errorf("another process serves %s", path), conn.Close())
	}
	return os.Remove(path)
}

func (f nodeFlags) config() (node.Config, error) {
	cfg := node.Config{Dir: f.data, Listen: f.listen, Logger: newLogger()}
	var err error
	if cfg.TLS, err = serverTLS(f.cert, f.key); err != nil {
		return cfg, err
	}
	if cfg.TLS == nil && !staysHere(f.listen) {
		return cfg, fmt.Errorf("--listen %s is open to the network, where plaintext shows every event and lets everyone write: "+
			"give --tls-cert and --tls-key, or listen on 127.0.0.1 or unix:/path", f.listen)
	}
	for _, group := range []struct {
		given []string
		roles []string
	}{{f.users, nil}, {f.admins, []string{node.Admins}}} {
		for _, text := range group.given {
			u, err := readUser(text)
			if err != nil {
				return cfg, err
			}
			u.Groups = group.roles
			cfg.Users = append(cfg.Users, u)
		}
	}
	if len(cfg.Users) > 0 && cfg.TLS == nil {
		return cfg, errors.New("--user and --admin need --tls-cert and --tls-key: without TLS clients send no credentials")
	}
	if cfg.TLS != nil && len(cfg.Users) == 0 {
		cfg.Logger.Warn("the node has no users: everyone who reaches it may read and write everything", "listen", f.listen)
	}
	return cfg, nil
}

// staysHere says whether only this machine reaches an address.
func staysHere(listen string) bool {
	if strings.HasPrefix(listen, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return true // listening fails, with a better message
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// serverTLS reads the certificate anew for each connection, of which there are few, so that a renewed one counts.
func serverTLS(cert, key string) (*tls.Config, error) {
	if cert == "" && key == "" {
		return nil, nil
	}
	if cert == "" || key == "" {
		return nil, errors.New("--tls-cert and --tls-key go together")
	}
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(cert, key)
		return &pair, err
	}
	if _, err := load(); err != nil {
		return nil, fmt.Errorf("TLS certificate: %w", err)
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return load() },
	}, nil
}

func readUser(text string) (node.User, error) {
	name, file, ok := strings.Cut(text, ":")
	if !ok || name == "" || file == "" {
		return node.User{}, fmt.Errorf("%q is not NAME:FILE", text)
	}
	password, err := os.ReadFile(file)
	if err != nil {
		return node.User{}, fmt.Errorf("password of user %s: %w", name, err)
	}
	return node.User{Name: name, Password: strings.TrimRight(string(password), "\r\n")}, nil
}
