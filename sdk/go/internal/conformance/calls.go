package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	litebox "litebox.ru/partner/sdk/go"
	"litebox.ru/partner/sdk/go/gen/clientv1"
	"litebox.ru/partner/sdk/go/gen/kktv1"
)

// method makes a call of the library with a request in JSON, and answers the response message of the contract.
type method func(context.Context, *litebox.Partner, any, ...grpc.CallOption) (proto.Message, error)

// direct is a method that takes a request message and answers a response message.
func direct[Q, A proto.Message](
	empty func() Q, call func(*litebox.Partner) func(context.Context, Q, ...grpc.CallOption) (A, error),
) method {
	return func(ctx context.Context, partner *litebox.Partner, request any, options ...grpc.CallOption) (proto.Message, error) {
		message, err := fromJSON(request, empty())
		if err != nil {
			return nil, err
		}
		return call(partner)(ctx, message, options...)
	}
}

// by is a method that takes one field of the request, and unwraps its response: it is wrapped again.
func by[A proto.Message](
	field string, call func(*litebox.Partner) func(context.Context, string, ...grpc.CallOption) (A, error),
	wrap func(A) proto.Message,
) method {
	return func(ctx context.Context, partner *litebox.Partner, request any, options ...grpc.CallOption) (proto.Message, error) {
		value, _ := at(request, field).(string)
		answer, err := call(partner)(ctx, value, options...)
		return wrap(answer), err
	}
}

type (
	ctx     = context.Context
	options = grpc.CallOption
)

var methods = map[string]method{
	"clients.lookup_taxpayer": by("inn",
		func(p *litebox.Partner) func(ctx, string, ...options) (*clientv1.Taxpayer, error) {
			return p.Clients.LookupTaxpayer
		},
		func(a *clientv1.Taxpayer) proto.Message { return &clientv1.LookupTaxpayerResponse{Taxpayer: a} }),
	"clients.register": direct(func() *clientv1.RegisterRequest { return &clientv1.RegisterRequest{} },
		func(p *litebox.Partner) func(ctx, *clientv1.RegisterRequest, ...options) (*clientv1.RegisterResponse, error) {
			return p.Clients.Register
		}),
	"clients.get": by("clientId",
		func(p *litebox.Partner) func(ctx, string, ...options) (*clientv1.Client, error) { return p.Clients.Get },
		func(a *clientv1.Client) proto.Message { return &clientv1.GetResponse{Client: a} }),
	"clients.list_page": direct(func() *clientv1.ListRequest { return &clientv1.ListRequest{} },
		func(p *litebox.Partner) func(ctx, *clientv1.ListRequest, ...options) (*clientv1.ListResponse, error) {
			return p.Clients.ListPage
		}),
	"kkts.quick_register": direct(func() *kktv1.QuickRegisterRequest { return &kktv1.QuickRegisterRequest{} },
		func(p *litebox.Partner) func(ctx, *kktv1.QuickRegisterRequest, ...options) (*kktv1.QuickRegisterResponse, error) {
			return p.Kkts.QuickRegister
		}),
	"kkts.fiscalize": direct(func() *kktv1.FiscalizeRequest { return &kktv1.FiscalizeRequest{} },
		func(p *litebox.Partner) func(ctx, *kktv1.FiscalizeRequest, ...options) (*kktv1.FiscalizeResponse, error) {
			return p.Kkts.Fiscalize
		}),
	"kkts.amend": direct(func() *kktv1.AmendRequest { return &kktv1.AmendRequest{} },
		func(p *litebox.Partner) func(ctx, *kktv1.AmendRequest, ...options) (*kktv1.AmendResponse, error) {
			return p.Kkts.Amend
		}),
	"kkts.cancel": direct(func() *kktv1.CancelRequest { return &kktv1.CancelRequest{} },
		func(p *litebox.Partner) func(ctx, *kktv1.CancelRequest, ...options) (*kktv1.CancelResponse, error) {
			return p.Kkts.Cancel
		}),
	"kkts.get": by("kktId",
		func(p *litebox.Partner) func(ctx, string, ...options) (*kktv1.Kkt, error) { return p.Kkts.Get },
		func(a *kktv1.Kkt) proto.Message { return &kktv1.GetResponse{Kkt: a} }),
	"kkts.list_page": direct(func() *kktv1.ListRequest { return &kktv1.ListRequest{} },
		func(p *litebox.Partner) func(ctx, *kktv1.ListRequest, ...options) (*kktv1.ListResponse, error) {
			return p.Kkts.ListPage
		}),
}

func (r *runner) call(step object) error {
	call, known := methods[step["call"].(string)]
	partner, err := r.partner(step)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("there is no method %v", step["call"])
	}
	var options []grpc.CallOption
	if timeout := milliseconds(at(step, "options.timeout_ms"), 0); timeout > 0 {
		options = append(options, litebox.WithTimeout(timeout))
	}
	reply, err := call(context.Background(), partner, step["request"], options...)
	if wanted, ok := at(step, "expect.error").(object); ok || err != nil {
		return r.failed(step, wanted, err)
	}
	value, err := asJSON(reply)
	if err != nil {
		return err
	}
	r.vars.save(step, value)
	return check(at(step, "expect.reply"), value, "reply")
}

// milliseconds reads a time, with another one where there is none.
func milliseconds(value any, otherwise time.Duration) time.Duration {
	var number int64
	if _, err := fmt.Sscan(fmt.Sprint(value), &number); err != nil {
		return otherwise
	}
	return time.Duration(number) * time.Millisecond
}
