package litebox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"litebox.ru/partner/sdk/go/gen/kktv1"
)

func tokenFile(t *testing.T, token string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, token)
	return file
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// letting lets one token in.
func letting(good string) *fake {
	return &fake{get: func(ctx context.Context, r *kktv1.GetRequest) (*kktv1.GetResponse, error) {
		headers, _ := metadata.FromIncomingContext(ctx)
		if !slices.Equal(headers.Get("authorization"), []string{"Bearer " + good}) {
			return nil, refusal(codes.Unauthenticated, ErrCredentialsInvalid)
		}
		return &kktv1.GetResponse{Kkt: &kktv1.Kkt{Id: r.KktId}}, nil
	}}
}

func TestReadsTheTokenFileAnewWhenTheTokenIsRefused(t *testing.T) {
	server, file := letting("new"), tokenFile(t, "old\n")
	partner, _ := connect(t, server.serve(t), func(o *Options) { o.TokenFile, o.AllowTokenInPlaintext = file, true })
	write(t, file, "new\n")
	if _, err := partner.Kkts.Get(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if sent := server.seen("authorization"); !slices.Equal(sent, []string{"Bearer old", "Bearer new"}) {
		t.Errorf("sent %q", sent)
	}
}

func TestARefusedTokenIsRepeatedOnlyWhenThereIsAnother(t *testing.T) {
	for content, calls := range map[string]int{"old": 1, "wrong too": 1, "wrong": 2, "": 1} {
		server, file := letting("new"), tokenFile(t, "old")
		partner, _ := connect(t, server.serve(t), func(o *Options) { o.TokenFile, o.AllowTokenInPlaintext = file, true })
		write(t, file, content)
		_, err := partner.Kkts.Get(t.Context(), "k")
		if !errors.Is(err, ErrCredentialsInvalid) || len(server.seen("authorization")) != calls {
			t.Errorf("%q: %v after %q", content, err, server.seen("authorization"))
		}
	}
}

func TestARefusedTokenIsRepeatedOnce(t *testing.T) {
	file, calls := tokenFile(t, "0"), 0
	server := &fake{get: func(context.Context, *kktv1.GetRequest) (*kktv1.GetResponse, error) {
		calls++
		write(t, file, strconv.Itoa(calls))
		return nil, refusal(codes.Unauthenticated, ErrCredentialsInvalid)
	}}
	partner, _ := connect(t, server.serve(t), func(o *Options) { o.TokenFile, o.AllowTokenInPlaintext = file, true })
	if _, err := partner.Kkts.Get(t.Context(), "k"); !errors.Is(err, ErrCredentialsInvalid) || calls != 2 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func TestATokenIsAtMostTenSecondsOld(t *testing.T) {
	file, now := tokenFile(t, "old"), time.Unix(1_800_000_000, 0)
	tokens := &tokens{file: file, now: func() time.Time { return now }}
	if err := tokens.load(); err != nil {
		t.Fatal(err)
	}
	write(t, file, "new")
	now = now.Add(10*time.Second - 1)
	if token := tokens.current(); token != "old" {
		t.Errorf("%q was read too often", token)
	}
	now = now.Add(1)
	if token := tokens.current(); token != "new" {
		t.Errorf("%q is too old", token)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	now = now.Add(10 * time.Second)
	if token := tokens.current(); token != "new" {
		t.Errorf("a file that is away for a moment left %q", token)
	}
}
