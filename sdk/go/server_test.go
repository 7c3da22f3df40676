package litebox

import (
	"context"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"litebox.ru/partner/sdk/go/gen/clientv1"
	"litebox.ru/partner/sdk/go/gen/kktv1"
)

// fake is a server whose answers a test writes. It keeps the headers of every call.
type fake struct {
	clientv1.UnimplementedClientServiceServer
	kktv1.UnimplementedKktServiceServer

	register func(context.Context, *clientv1.RegisterRequest) (*clientv1.RegisterResponse, error)
	clients  func(context.Context, *clientv1.ListRequest) (*clientv1.ListResponse, error)
	kkts     func(context.Context, *kktv1.ListRequest) (*kktv1.ListResponse, error)
	get      func(context.Context, *kktv1.GetRequest) (*kktv1.GetResponse, error)
	watch    func(*kktv1.WatchRequest, grpc.ServerStreamingServer[kktv1.WatchResponse]) error

	mu    sync.Mutex
	calls []metadata.MD
}

// services parts the methods that both services have.
type (
	clientSide struct{ *fake }
	kktSide    struct{ *fake }
)

func (f clientSide) Register(ctx context.Context, r *clientv1.RegisterRequest) (*clientv1.RegisterResponse, error) {
	return f.register(ctx, r)
}

func (f clientSide) List(ctx context.Context, r *clientv1.ListRequest) (*clientv1.ListResponse, error) {
	return f.clients(ctx, r)
}

func (f clientSide) Get(ctx context.Context, r *clientv1.GetRequest) (*clientv1.GetResponse, error) {
	return &clientv1.GetResponse{Client: &clientv1.Client{Id: r.ClientId}}, nil
}

func (f kktSide) Get(ctx context.Context, r *kktv1.GetRequest) (*kktv1.GetResponse, error) {
	return f.get(ctx, r)
}

func (f kktSide) List(ctx context.Context, r *kktv1.ListRequest) (*kktv1.ListResponse, error) {
	return f.kkts(ctx, r)
}

func (f kktSide) Watch(r *kktv1.WatchRequest, s grpc.ServerStreamingServer[kktv1.WatchResponse]) error {
	return f.watch(r, s)
}

func (f *fake) note(ctx context.Context) {
	headers, _ := metadata.FromIncomingContext(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, headers)
}

// seen gives one header of each call.
func (f *fake) seen(name string) (values []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, headers := range f.calls {
		values = append(values, strings.Join(headers.Get(name), ","))
	}
	return values
}

// serve starts the server on loopback and answers its address.
func (f *fake) serve(t *testing.T, options ...grpc.ServerOption) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(append(options,
		grpc.UnaryInterceptor(func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			f.note(ctx)
			return next(ctx, r)
		}),
		grpc.StreamInterceptor(func(s any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			f.note(stream.Context())
			return next(s, stream)
		}))...)
	clientv1.RegisterClientServiceServer(server, clientSide{f})
	kktv1.RegisterKktServiceServer(server, kktSide{f})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// pauses notes how long a partner would have waited, and does not wait.
type pauses struct {
	mu    sync.Mutex
	waits []time.Duration
}

func (p *pauses) sleep(ctx context.Context, pause time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits = append(p.waits, pause)
	return ctx.Err()
}

// connect opens a partner in plain text whose pauses take no time.
func connect(t *testing.T, address string, change func(*Options)) (*Partner, *pauses) {
	t.Helper()
	options := Options{Address: address, Plaintext: true, Timeout: 10 * time.Second}
	if change != nil {
		change(&options)
	}
	pauses := &pauses{}
	partner, err := open(options, pauses.sleep)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = partner.Close() })
	return partner, pauses
}

// refusal is an error of the service with its details.
func refusal(code codes.Code, reason Reason, details ...protoadapt.MessageV1) error {
	info := &errdetails.ErrorInfo{Reason: string(reason), Domain: domain, Metadata: map[string]string{"about": "it"}}
	st, err := status.New(code, "refused").WithDetails(append([]protoadapt.MessageV1{info}, details...)...)
	if err != nil {
		panic(err)
	}
	return st.Err()
}

func retryAfter(delay time.Duration) *errdetails.RetryInfo {
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)}
}

// failing answers a call with each error once, then with nothing.
func failing(errs ...error) func() error {
	var mu sync.Mutex
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		if len(errs) == 0 {
			return nil
		}
		err := errs[0]
		errs = errs[1:]
		return err
	}
}

// noLeaks fails when the test leaves goroutines of this package or of gRPC behind.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goroutines()
	t.Cleanup(func() {
		left, deadline := "", time.Now().Add(5*time.Second)
		for time.Now().Before(deadline) {
			if left = goroutines(); strings.Count(left, "\n\n") <= strings.Count(before, "\n\n") {
				return
			}
			runtime.Gosched()
		}
		t.Errorf("goroutines were left behind:\n%s", left)
	})
}

// goroutines are the stacks of all that have to do with calls.
func goroutines() string {
	buffer := make([]byte, 1<<20)
	var ours strings.Builder
	for stack := range strings.SplitSeq(string(buffer[:runtime.Stack(buffer, true)]), "\n\n") {
		if strings.Contains(stack, "google.golang.org/grpc") {
			ours.WriteString(stack + "\n\n")
		}
	}
	return ours.String()
}
