package litebox

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
)

// DefaultTimeout bounds one call with all its attempts when neither [Options] nor [WithTimeout] says otherwise.
const DefaultTimeout = 20 * time.Second

// DefaultWatchSilence is how long a stream of a watch may say nothing when [Options] do not say otherwise.
const DefaultWatchSilence = 60 * time.Second

// ErrTokenInPlaintext is what [New] answers when it was to send a token over a connection without TLS.
var ErrTokenInPlaintext = errors.New("a token would cross the network in plain text: " +
	"use TLS, or set AllowTokenInPlaintext where the network itself is safe")

// Options says how to reach the service and as whom. Only Address is required, though the service itself lets nobody
// in without a token.
type Options struct {
	// Address of the service, "host:port". Calls go to all addresses of the name in turn, over a connection to each;
	// "dns:///host:port", as gRPC writes it, means the same.
	Address string

	// Token, as the operator has issued it; white space around it does no harm. Prefer TokenFile, which can be changed without a restart.
	Token string
	// TokenFile holds the token and is read anew: at the latest 10 seconds after it has changed, and at once when the
	// service refuses the token that was read before.
	TokenFile string
	// PartnerID names the partner of each call. Only for internal services, whose credential is not the partner's.
	PartnerID string

	// TLS says whom to believe and what to show. The zero value believes the system's authorities.
	TLS TLS
	// Plaintext switches TLS off.
	Plaintext bool
	// AllowTokenInPlaintext lets a token go over a connection without TLS: for trials on loopback, and inside a mesh
	// that encrypts.
	AllowTokenInPlaintext bool

	// Timeout bounds one call with all its attempts; 0 means [DefaultTimeout]. An earlier deadline of the context
	// goes first, and [WithTimeout] changes it for one call.
	Timeout time.Duration
	// WatchSilence is how long a stream of a watch may say nothing before it is given up and another one is opened; 0
	// means [DefaultWatchSilence]. The service gives a sign of life every 15 seconds. The first message has the Timeout.
	WatchSilence time.Duration

	// DialOptions go to gRPC after those of this package, for what it does not offer: another dialer, statistics.
	DialOptions []grpc.DialOption
}

// TLS says whom to believe and what to show.
type TLS struct {
	// CAFile holds the authorities to believe, PEM, in place of the system's.
	CAFile string
	// CertFile and KeyFile hold the certificate to show, PEM. They are read anew for each connection.
	CertFile, KeyFile string
	// ServerName is expected in the server's certificate in place of the address's host.
	ServerName string
}

// String leaves the token out, so that options can be logged.
func (o Options) String() string {
	return fmt.Sprintf("litebox.Options{Address: %q, token: %t, TokenFile: %q, PartnerID: %q, TLS: %+v, Plaintext: %t, Timeout: %s}",
		o.Address, o.Token != "", o.TokenFile, o.PartnerID, o.TLS, o.Plaintext, o.Timeout)
}

// GoString leaves the token out as well.
func (o Options) GoString() string { return o.String() }

// check tells what is wrong with the options, before anything is opened.
func (o Options) check() error {
	if _, port, err := net.SplitHostPort(strings.TrimPrefix(o.Address, "dns:///")); err != nil || port == "" {
		return fmt.Errorf(`address %q is not of the form "host:port"`, o.Address)
	}
	if o.Token != "" && o.TokenFile != "" {
		return errors.New("both a token and a token file are given")
	}
	if token := strings.TrimSpace(o.Token); strings.ContainsAny(token, " \t\r\n") || token == "" && o.Token != "" {
		return errors.New("the token is empty or contains white space")
	}
	if o.Timeout < 0 {
		return fmt.Errorf("the timeout %s is negative", o.Timeout)
	}
	if o.WatchSilence < 0 {
		return fmt.Errorf("the silence of a watch %s is negative", o.WatchSilence)
	}
	return o.checkTransport()
}

func (o Options) checkTransport() error {
	if !o.Plaintext {
		return nil
	}
	if o.TLS != (TLS{}) {
		return errors.New("TLS is set up and switched off at the same time")
	}
	if (o.Token != "" || o.TokenFile != "") && !o.AllowTokenInPlaintext {
		return ErrTokenInPlaintext
	}
	return nil
}

type timeoutOption struct {
	grpc.EmptyCallOption
	timeout time.Duration
}

// WithTimeout bounds this call, with all its attempts, in place of the timeout of the [Options]. An earlier deadline of
// the context goes first.
func WithTimeout(timeout time.Duration) grpc.CallOption {
	return timeoutOption{timeout: timeout}
}

// timeoutOf is the last timeout among the options of a call, else the given one.
func timeoutOf(options []grpc.CallOption, timeout time.Duration) time.Duration {
	for _, option := range options {
		if option, ok := option.(timeoutOption); ok && option.timeout > 0 {
			timeout = option.timeout
		}
	}
	return timeout
}
