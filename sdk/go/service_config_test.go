package litebox

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"litebox.ru/partner/sdk/go/gen/kktv1"
)

// noTime is a service config that lets no call have any time, so that whoever follows it fails at once.
const noTime = `{"methodConfig": [{"name": [{}], "timeout": "0s"}]}`

// configured resolves every name to one address, with a service config, as DNS can in a TXT record.
func configured(t *testing.T, address string) resolver.Builder {
	names := manual.NewBuilderWithScheme("dns")
	names.BuildCallback = func(_ resolver.Target, conn resolver.ClientConn, options resolver.BuildOptions) {
		if !options.DisableServiceConfig {
			t.Error("DNS is asked for a service config")
		}
		config := conn.ParseServiceConfig(noTime)
		if config.Err != nil {
			t.Error(config.Err)
		}
		names.InitialState(resolver.State{Addresses: []resolver.Address{{Addr: address}}, ServiceConfig: config})
	}
	return names
}

func TestAServiceConfigOfTheNameChangesNothing(t *testing.T) {
	server, _ := scripted(then(nil, change(1, registered, "t")))
	server.get = func(context.Context, *kktv1.GetRequest) (*kktv1.GetResponse, error) { return &kktv1.GetResponse{}, nil }
	address := server.serve(t)
	for name, call := range map[string]func(*Partner) error{
		"a call":  func(p *Partner) error { _, err := p.Kkts.Get(t.Context(), "k"); return err },
		"a Watch": func(p *Partner) error { return first(t, p.Kkts.Watch(WatchOptions{})) },
	} {
		partner, _ := connect(t, "dns:///partner.test:443", func(o *Options) {
			o.DialOptions = []grpc.DialOption{grpc.WithResolvers(configured(t, address))}
		})
		if err := call(partner); err != nil {
			t.Errorf("%s follows the config: %v", name, err)
		}
	}
}

// first waits for the first change, and answers what went wrong.
func first(t *testing.T, watch *Watch) error {
	for _, err := range watch.Changes(t.Context()) {
		return err
	}
	return nil
}
