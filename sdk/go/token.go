package litebox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// tokenAge is how old what was read from a token file may be when it is sent.
const tokenAge = 10 * time.Second

// tokens gives the token for a call. No goroutine watches the file: it is looked at when a call needs it.
type tokens struct {
	file string
	now  func() time.Time

	mu    sync.Mutex
	token string
	read  time.Time
}

func newTokens(options Options) (*tokens, error) {
	t := &tokens{file: options.TokenFile, token: strings.TrimSpace(options.Token), now: time.Now}
	if t.file == "" {
		return t, nil
	}
	return t, t.load()
}

// load reads the file. What cannot be read, or is empty as it is for a moment while somebody writes, leaves the token
// that is known in its place.
func (t *tokens) load() error {
	t.read = t.now()
	content, err := os.ReadFile(t.file)
	if err != nil {
		return fmt.Errorf("token file cannot be read: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return errors.New("token file holds no token: " + t.file)
	}
	t.token = token
	return nil
}

func (t *tokens) current() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file != "" && t.now().Sub(t.read) >= tokenAge {
		_ = t.load() // the known one may still be good, and the service says so when it is not
	}
	return t.token
}

// replaced reads the file at once and tells whether there is now another token than the one that was refused.
func (t *tokens) replaced(refused string) bool {
	if t.file == "" {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.load() == nil && t.token != refused
}

// sent tells an attempt which token went with it.
type sent struct{ token string }

type sentKey struct{}

// bearer hands tokens to gRPC, which itself refuses to send them without TLS unless it was allowed.
type bearer struct {
	tokens *tokens
	secure bool
}

// GetRequestMetadata is called by gRPC once for each attempt.
func (b bearer) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	token := b.tokens.current()
	if sent, ok := ctx.Value(sentKey{}).(*sent); ok {
		sent.token = token
	}
	if token == "" {
		return nil, nil
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// RequireTransportSecurity is asked by gRPC.
func (b bearer) RequireTransportSecurity() bool { return b.secure }
