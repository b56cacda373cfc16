package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/oauth2"

	"avportal/http/rsp"
)

// attemptLife is how long a person may take to sign in to the Reseller Portal.
const attemptLife = 10 * time.Minute

// attempts keeps sign-ins that have begun, in the database, since the person may come back to another portal.
type attempts struct {
	db  *pgxpool.Pool
	now func() time.Time
}

// attempt is one of them. It belongs to one browser, which a cookie tells.
type attempt struct {
	rsp.Secrets
	ReturnTo string
}

// begin keeps a new one. Browser is the value of the cookie.
func (a *attempts) begin(ctx context.Context, returnTo string) (attempt, string, error) {
	t := attempt{Secrets: rsp.Secrets{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}, ReturnTo: returnTo}
	browser := rand.Text()
	now := a.now()
	batch := &pgx.Batch{}
	batch.Queue(`DELETE FROM vault.rsp_attempt WHERE expires_at < $1`, now)
	batch.Queue(`INSERT INTO vault.rsp_attempt (state, browser, nonce, verifier, return_to, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		digest(t.State), digest(browser), t.Nonce, t.Verifier, returnTo, now.Add(attemptLife))
	return t, browser, a.db.SendBatch(ctx, batch).Close()
}

var errNoAttempt = errors.New("web: no such sign-in has begun in this browser")

// take ends an attempt: its state is good once, also if many come at the same time.
func (a *attempts) take(ctx context.Context, state, browser string) (attempt, error) {
	t := attempt{Secrets: rsp.Secrets{State: state}}
	var until time.Time
	err := a.db.QueryRow(ctx, `DELETE FROM vault.rsp_attempt WHERE state = $1 AND browser = $2 RETURNING nonce, verifier, return_to, expires_at`,
		digest(state), digest(browser)).Scan(&t.Nonce, &t.Verifier, &t.ReturnTo, &until)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !a.now().Before(until) {
		return attempt{}, errNoAttempt
	}
	return t, err
}

func digest(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}
