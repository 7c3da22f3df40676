package litebox

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"

	"litebox.ru/partner/sdk/go/gen/clientv1"
	"litebox.ru/partner/sdk/go/gen/kktv1"
)

// noting keeps the request ids that a server is sent.
func noting(ids *[]string) grpc.ServerOption {
	return grpc.ChainUnaryInterceptor(func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		*ids = append(*ids, requestIDOf(r))
		return next(ctx, r)
	})
}

func TestEveryCallThatChangesSomethingDrawsARequestID(t *testing.T) {
	var ids []string
	server, _ := registering(errors.New("refused"))
	partner, _ := connect(t, server.serve(t, noting(&ids)), nil)
	ctx, kkts := t.Context(), partner.Kkts
	for name, call := range map[string]func() error{
		"Register":      func() error { _, err := partner.Clients.Register(ctx, &clientv1.RegisterRequest{}); return err },
		"QuickRegister": func() error { _, err := kkts.QuickRegister(ctx, &kktv1.QuickRegisterRequest{}); return err },
		"Fiscalize":     func() error { _, err := kkts.Fiscalize(ctx, &kktv1.FiscalizeRequest{}); return err },
		"Amend":         func() error { _, err := kkts.Amend(ctx, &kktv1.AmendRequest{}); return err },
		"Cancel":        func() error { _, err := kkts.Cancel(ctx, &kktv1.CancelRequest{}); return err },
	} {
		ids = nil
		var failed *Error
		if err := call(); !errors.As(err, &failed) {
			t.Fatalf("%s: got %v", name, err)
		}
		if len(ids) != 1 || ids[0] == "" || failed.RequestID != ids[0] {
			t.Errorf("%s was sent under %q, and the error says %q", name, ids, failed.RequestID)
		}
	}
}
