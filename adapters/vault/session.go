package vault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

// How often a login is tried that fails, and that requests wait for.
const (
	minLoginPause  = time.Second
	maxLoginPause  = time.Minute
	loginFailsFor  = time.Second // requests get a failure that is not older
	maxServiceJWTs = 16 << 10    // bytes of a service account's token
)

// login is a token that Vault let in.
type login struct {
	client *api.Client
	secret *api.Secret
}

// session is the login of a client. Requests use the newest, and log in when
// there is none or it has ended; beside them, keep renews it.
type session struct {
	conn connection
	o    Options
	turn chan struct{} // who has put something in may log in

	mu       sync.Mutex
	newest   *login
	failure  error // of the last try to log in, until one succeeds
	failedAt time.Time
}

func newSession(conn connection, o Options) *session {
	return &session{conn: conn, o: o, turn: make(chan struct{}, 1)}
}

// use gives the newest login, unless that is the one that has ended, and else
// logs in. One at a time tries.
func (s *session) use(ctx context.Context, ended *login) (*login, error) {
	if l := s.other(ended); l != nil {
		return l, nil
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.turn }()
	if l := s.other(ended); l != nil {
		return l, nil
	}
	if err := s.failedJustNow(); err != nil {
		return nil, err
	}
	l, err := s.logIn(ctx)
	if err != nil {
		err = &loginError{err}
	}
	s.set(ctx, l, err)
	return l, err
}

// other is the newest login if it is not the one that has ended.
func (s *session) other(ended *login) *login {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest == ended {
		return nil
	}
	return s.newest
}

// failedJustNow spares Vault, and who waits, a login that failed a moment ago.
func (s *session) failedJustNow() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := s.o.Clock.Now().Sub(s.failedAt); s.failure != nil && age >= 0 && age < loginFailsFor {
		return s.failure
	}
	return nil
}

func (s *session) set(ctx context.Context, l *login, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.newest, s.failure = l, nil
	case !errors.Is(ctx.Err(), context.Canceled):
		s.failure, s.failedAt = err, s.o.Clock.Now()
	}
}

func (s *session) logIn(ctx context.Context) (*login, error) {
	a := s.o.Auth
	switch a.Method {
	case MethodAppRole:
		return s.logInBy(ctx, map[string]string{"role_id": a.RoleID, "secret_id": a.SecretID})
	case MethodKubernetes:
		jwt, err := readJWT(a.JWTFile)
		if err != nil {
			return nil, err
		}
		return s.logInBy(ctx, map[string]string{"role": a.Role, "jwt": jwt})
	default:
		return s.takeToken(ctx, a.Token)
	}
}

// readJWT reads the token anew each time: the kubelet replaces it.
func readJWT(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("vault: the service account's token: %w", err)
	}
	jwt := strings.TrimSpace(string(text))
	if jwt == "" || len(jwt) > maxServiceJWTs {
		return "", fmt.Errorf("vault: %s does not hold a service account's token", path)
	}
	return jwt, nil
}

// logInBy exchanges what proves who asks for a token.
func (s *session) logInBy(ctx context.Context, proof map[string]string) (*login, error) {
	anybody, err := s.conn.as("")
	if err != nil {
		return nil, err
	}
	var auth struct {
		Token     string `json:"client_token"`
		Lease     int    `json:"lease_duration"`
		Renewable bool   `json:"renewable"`
	}
	if err := post(ctx, anybody, "auth/"+s.o.Auth.Mount+"/login", proof, &auth); err != nil {
		return nil, err
	}
	if auth.Token == "" {
		return nil, fmt.Errorf("vault: a login by %s gave no token", s.o.Auth.Method)
	}
	return s.newLogin(auth.Token, auth.Lease, auth.Renewable)
}

// takeToken asks Vault how long a token that was given lasts.
func (s *session) takeToken(ctx context.Context, token string) (*login, error) {
	client, err := s.conn.as(token)
	if err != nil {
		return nil, err
	}
	var self struct {
		TTL       int
		Renewable bool
	}
	if err := lookupSelf(ctx, client, &self); err != nil {
		return nil, err
	}
	return s.newLogin(token, self.TTL, self.Renewable)
}

func (s *session) newLogin(token string, lease int, renewable bool) (*login, error) {
	client, err := s.conn.as(token)
	return &login{client: client, secret: &api.Secret{Auth: &api.SecretAuth{
		ClientToken: token, LeaseDuration: lease, Renewable: renewable,
	}}}, err
}

// keep renews the login, and takes a new one when it comes to its end, until
// the context is done.
func (s *session) keep(ctx context.Context) {
	var ended *login
	pause := minLoginPause
	for ctx.Err() == nil {
		began := time.Now()
		limited, cancel := context.WithTimeout(ctx, s.o.Timeout)
		l, err := s.use(limited, ended)
		cancel()
		if err == nil {
			s.watch(ctx, l)
			ended, pause = l, minLoginPause
			sleep(ctx, minLoginPause-time.Since(began))
			continue
		}
		if ctx.Err() == nil {
			s.o.Log.Warn("logging in to Vault failed", "method", s.o.Auth.Method, "error", err)
		}
		sleep(ctx, pause/2+rand.N(pause/2)) //nolint:gosec // only to come at different times
		pause = min(2*pause, maxLoginPause)
	}
}

// watch renews a login and returns when that goes no further, for whatever
// reason: the watcher's nil means the end of the token's life as its error
// does. A token without an end is only waited with.
func (s *session) watch(ctx context.Context, l *login) {
	if l.secret.Auth.LeaseDuration <= 0 {
		<-ctx.Done()
		return
	}
	watcher, err := l.client.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: l.secret})
	if err != nil {
		return
	}
	go watcher.Start()
	select {
	case <-ctx.Done():
		watcher.Stop()
		err = <-watcher.DoneCh()
	case err = <-watcher.DoneCh():
	}
	s.o.Log.Debug("the token of Vault comes to its end", "error", err)
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
