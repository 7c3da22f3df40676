// Package litebox is the client library of litebox-partner, the service with which a partner, a reseller of cash
// registers, brings a Russian shop from its tax number to a registered cash register (KKT).
//
// A [Partner] is one connection to the service. It sends the token and reads it anew when its file changes, bounds
// every call, repeats what may be repeated under the same request id, walks pages, follows a registration to its end
// and turns the service's errors into an [*Error] that [errors.As] and [errors.Is] understand:
//
//	partner, err := litebox.New(litebox.Options{Address: "partner.example.ru:443", TokenFile: "/run/secrets/token"})
//	…
//	defer partner.Close()
//	reply, err := partner.Clients.Register(ctx, &clientv1.RegisterRequest{…})
//	if errors.Is(err, litebox.ErrClientAlreadyRegistered) {
//		…
//	}
//
// The messages are those of the contract, in the packages clientv1 and kktv1. A "client" there is a shop that a
// partner serves, never a program.
package litebox
