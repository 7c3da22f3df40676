package litebox

import (
	"context"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"

	"litebox.ru/partner/sdk/go/gen/kktv1"
)

func TestWhiteSpaceAroundATokenDoesNoHarm(t *testing.T) {
	server, _ := registering()
	partner, _ := connect(t, server.serve(t), func(o *Options) { o.Token, o.AllowTokenInPlaintext = " secret\n", true })
	if _, err := partner.Clients.Register(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if sent := server.seen("authorization"); !slices.Equal(sent, []string{"Bearer secret"}) {
		t.Errorf("sent %q", sent)
	}
}

// traced is a trace that has baggage, as a program that sends it to its own services has.
func traced(t *testing.T) context.Context {
	state, err := trace.ParseTraceState("vendor=1")
	if err != nil {
		t.Fatal(err)
	}
	span := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: 1, TraceState: state,
	})
	private, err := baggage.Parse("login=ivan")
	if err != nil {
		t.Fatal(err)
	}
	return baggage.ContextWithBaggage(trace.ContextWithSpanContext(t.Context(), span), private)
}

func TestACallAndAWatchSayWhoCallsAndInWhichTraceButNothingOfTheBaggage(t *testing.T) {
	server, _ := scripted(then(nil, change(1, registered, "t")))
	server.get = func(context.Context, *kktv1.GetRequest) (*kktv1.GetResponse, error) { return &kktv1.GetResponse{}, nil }
	partner, _ := connect(t, server.serve(t), func(o *Options) {
		o.PartnerID, o.Token, o.AllowTokenInPlaintext = "p-1", "secret", true
	})
	ctx := traced(t)
	if _, err := partner.Kkts.Get(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	for _, err := range partner.Kkts.Watch(WatchOptions{}).Changes(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	for name, wanted := range map[string]string{
		"authorization":        "Bearer secret",
		"x-litebox-partner-id": "p-1",
		"traceparent":          "00-01000000000000000000000000000000-0200000000000000-01",
		"tracestate":           "vendor=1",
		"baggage":              "",
	} {
		if got := server.seen(name); !slices.Equal(got, []string{wanted, wanted}) {
			t.Errorf("%s is %q, not %q", name, got, wanted)
		}
	}
	for _, agent := range server.seen("user-agent") {
		if !strings.HasPrefix(agent, userAgent+" ") {
			t.Errorf("user agent is %q", agent)
		}
	}
}
