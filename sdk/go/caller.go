package litebox

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// caller does with each call what must not be forgotten.
type caller struct {
	tokens    *tokens
	policies  policies
	partnerID string
	timeout   time.Duration
	silence   time.Duration // the longest of a watch
	sleep     sleeper
	closed    context.Context // ends with the Partner
}

// whileOpen ends a context when the Partner is closed: nothing is repeated after that.
func (c *caller) whileOpen(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.closed, cancel)
	return ctx, func() { stop(); cancel() }
}

// sleeper waits, or answers the error of a context that ends before.
type sleeper func(ctx context.Context, pause time.Duration) error

func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// call is one call while it is made.
type call struct {
	*caller
	method    string
	requestID string
	attempts  int
	repeated  bool // after the token was replaced, which happens once
}

// unary makes a call with all its attempts.
func (c *caller) unary(
	ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker,
	options ...grpc.CallOption,
) error {
	ctx, release := c.whileOpen(ctx)
	defer release()
	ctx, cancel := context.WithTimeout(ctx, timeoutOf(options, c.timeout))
	defer cancel()
	ctx = c.outgoing(ctx)
	call := &call{caller: c, method: method, requestID: requestIDOf(request)}
	for {
		var header, trailer metadata.MD
		told := append(options[:len(options):len(options)], grpc.Header(&header), grpc.Trailer(&trailer))
		attempt, token := track(ctx)
		err := invoke(attempt, method, request, reply, conn, told...)
		if err == nil {
			return nil
		}
		call.attempts++
		failed := newError(method, err, header, trailer).seenFrom(ctx)
		failed.RequestID, failed.Attempts = call.requestID, call.attempts
		if !call.again(ctx, failed, token) {
			return failed
		}
	}
}

// again waits until the call may be repeated, or says that it may not.
func (c *call) again(ctx context.Context, failed *Error, token *sent) bool {
	if failed.Code == codes.Unauthenticated && !c.repeated {
		c.repeated = true
		return c.tokens.replaced(token.token)
	}
	policy := c.policies.of(c.method)
	if !policy.allows(failed.Code, c.attempts) {
		return false
	}
	pause := max(policy.pause(c.attempts), failed.RetryAfter)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
		return false // what went wrong says more than that time is up
	}
	return c.sleep(ctx, pause) == nil
}

// track learns which token goes with an attempt.
func track(ctx context.Context) (context.Context, *sent) {
	token := &sent{}
	return context.WithValue(ctx, sentKey{}, token), token
}

// outgoing adds the partner and the trace of the span in ctx, if there is one, to the headers.
func (c *caller) outgoing(ctx context.Context) context.Context {
	headers := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, headers)
	if c.partnerID != "" {
		headers["x-litebox-partner-id"] = c.partnerID
	}
	for name, value := range headers {
		ctx = metadata.AppendToOutgoingContext(ctx, name, value)
	}
	return ctx
}

// stream opens a stream. What must be done again after it breaks is the business of Watch.
func (c *caller) stream(
	ctx context.Context, description *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer,
	options ...grpc.CallOption,
) (grpc.ClientStream, error) {
	return open(c.outgoing(ctx), description, conn, method, options...)
}
