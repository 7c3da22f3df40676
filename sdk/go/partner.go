package litebox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"

	"litebox.ru/partner/sdk/go/gen/clientv1"
	"litebox.ru/partner/sdk/go/gen/kktv1"
)

// Partner is a connection to the service as one partner. It is safe for use by many goroutines; a program needs one,
// for as long as it lives.
type Partner struct {
	// Clients are the partner's shops.
	Clients *Clients
	// Kkts are the registrations of their cash registers.
	Kkts *Kkts

	conn *grpc.ClientConn
	// The service takes 100 streams on a connection. As many watches would keep every call waiting, so they have one of
	// their own, which is made with the first of them.
	streams *grpc.ClientConn
	closing context.CancelFunc
}

// New checks the options and prepares the connection, which is made with the first call. Close it when done.
func New(options Options) (*Partner, error) {
	partner, err := open(options, sleep)
	if err != nil {
		return nil, fmt.Errorf("litebox: %w", err)
	}
	return partner, nil
}

func open(options Options, sleep sleeper) (*Partner, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	transport, err := options.transport()
	if err != nil {
		return nil, err
	}
	tokens, err := newTokens(options)
	if err != nil {
		return nil, err
	}
	policies, err := readPolicies(serviceConfig)
	if err != nil {
		return nil, err
	}
	closed, closing := context.WithCancel(context.Background())
	caller := &caller{
		tokens: tokens, policies: policies, partnerID: options.PartnerID, timeout: cmp.Or(options.Timeout, DefaultTimeout),
		silence: cmp.Or(options.WatchSilence, DefaultWatchSilence), sleep: sleep, closed: closed,
	}
	dial := append([]grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithPerRPCCredentials(bearer{tokens: tokens, secure: !options.Plaintext}),
	}, caller.dialOptions()...)
	partner := &Partner{closing: closing}
	for _, conn := range []**grpc.ClientConn{&partner.conn, &partner.streams} {
		if *conn, err = grpc.NewClient(options.Address, append(dial, options.DialOptions...)...); err != nil {
			return nil, errors.Join(err, partner.Close())
		}
	}
	partner.Clients = &Clients{stub: clientv1.NewClientServiceClient(partner.conn)}
	partner.Kkts = &Kkts{
		stub: kktv1.NewKktServiceClient(partner.conn), streams: kktv1.NewKktServiceClient(partner.streams), caller: caller,
	}
	return partner, nil
}

// dialOptions are those that do not depend on what the user has set.
func (c *caller) dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithUserAgent(userAgent),
		grpc.WithDefaultServiceConfig(string(serviceConfig)),
		grpc.WithDisableServiceConfig(), // one policy in all languages, none from DNS
		grpc.WithDisableRetry(),         // caller.unary does it
		grpc.WithUnaryInterceptor(c.unary),
		grpc.WithStreamInterceptor(c.stream),
		// As quick as calls are repeated, so that an attempt finds a server that has come back.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		// A connection whose network is gone is noticed while something is under way. The service pings as often itself.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
	}
}

// Conn is the connection below, for stubs of one's own: the token comes with it, and for calls that are no streams also
// deadline, repeating and typed errors.
func (p *Partner) Conn() grpc.ClientConnInterface { return p.conn }

// Close ends the connection with all calls and streams that are under way.
func (p *Partner) Close() error {
	p.closing()
	var errs []error
	for _, conn := range []*grpc.ClientConn{p.conn, p.streams} {
		if conn != nil {
			errs = append(errs, conn.Close())
		}
	}
	return errors.Join(errs...)
}
