// Command standard calls the service as a program does that has grpc-go, the published service config and nothing else: none of
// this library's own repeating stands between. It calls until its standard input ends and tells what it saw, a JSON object a line.
//
//	TOKEN=... standard ADDRESS SERVICE_CONFIG.json FIRST-INN
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"

	litebox "litebox.ru/partner/sdk/go"
	"litebox.ru/partner/sdk/go/gen/clientv1"
)

const (
	// Connections, and callers on each of them.
	connections, callers = 3, 3
	deadline             = 10 * time.Second
	// Between two calls of a caller, and after one that has failed: it shares its machine with what it calls.
	pause, rest = 5 * time.Millisecond, 100 * time.Millisecond
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: TOKEN=... standard ADDRESS SERVICE_CONFIG.json FIRST-INN")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run calls until the input ends.
func run(address, file, first string) error {
	config, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	inn, err := strconv.ParseUint(first, 10, 32)
	if err != nil {
		return err
	}
	crowd := &crowd{told: json.NewEncoder(os.Stdout)}
	crowd.inn.Store(inn)
	var running sync.WaitGroup
	for range connections {
		conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultServiceConfig(string(config)), grpc.WithStatsHandler(crowd))
		if err != nil {
			return err
		}
		defer conn.Close()
		for range callers {
			running.Go(func() { crowd.call(clientv1.NewClientServiceClient(conn)) })
		}
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	crowd.enough.Store(true)
	running.Wait()
	crowd.tell(map[string]any{
		"calls": crowd.calls.Load(), "failed": crowd.failed.Load(),
		"repeated": crowd.begun.Load() - crowd.resent.Load() - crowd.calls.Load(), "resent": crowd.resent.Load(),
	})
	return err
}

// crowd is all callers, and what became of their calls.
type crowd struct {
	enough        atomic.Bool
	inn           atomic.Uint64
	calls, failed atomic.Uint64
	// Attempts, and those of them that gRPC makes by itself since no server has seen the one before.
	begun, resent atomic.Uint64
	writing       sync.Mutex
	told          *json.Encoder
}

func (c *crowd) tell(what map[string]any) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.told.Encode(what); err != nil {
		panic(err)
	}
}

// call registers clients and reads them.
func (c *crowd) call(clients clientv1.ClientServiceClient) {
	for !c.enough.Load() {
		request := c.order()
		c.try("Register", func(ctx context.Context) error {
			answer, err := clients.Register(ctx, request)
			if err == nil {
				got := answer.GetClient()
				c.tell(map[string]any{"request": request.RequestId, "inn": got.GetInn(), "client": got.GetId(), "state": got.GetState().String()})
			}
			return err
		})
		for range 10 {
			c.try("List", func(ctx context.Context) error {
				_, err := clients.List(ctx, &clientv1.ListRequest{PageSize: 5})
				return err
			})
		}
	}
}

// try makes one call; what is repeated is gRPC's matter.
func (c *crowd) try(name string, call func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	time.Sleep(pause)
	c.calls.Add(1)
	if err := call(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+os.Getenv("TOKEN"))); err != nil {
		defer time.Sleep(rest)
		c.failed.Add(1)
		c.tell(map[string]any{"method": name, "why": err.Error()})
	}
}

// order is for a client that nobody has registered yet.
func (c *crowd) order() *clientv1.RegisterRequest {
	inn := withCheckDigit(c.inn.Add(1))
	return &clientv1.RegisterRequest{
		RequestId:  litebox.NewRequestID(),
		ClientType: clientv1.ClientType_CLIENT_TYPE_LITEBOX,
		Inn:        inn,
		Address:    &clientv1.Address{PostalCode: "117997", Region: "г Москва", City: "г Москва", Street: "ул Вавилова", House: "д 19"},
		Phone:      "911-111-1111", Email: "shop" + inn + "@example.ru", Password: "aB1!_-2026",
	}
}

// withCheckDigit makes an INN of an organization from its first nine digits.
func withCheckDigit(nine uint64) string {
	digits, sum := fmt.Sprintf("%09d", nine), 0
	for i, weight := range []int{2, 4, 10, 3, 5, 9, 4, 6, 8} {
		sum += weight * int(digits[i]-'0')
	}
	return digits + strconv.Itoa(sum%11%10)
}

// HandleRPC counts attempts, those that gRPC makes by itself too.
func (c *crowd) HandleRPC(_ context.Context, event stats.RPCStats) {
	if begin, ok := event.(*stats.Begin); ok {
		c.begun.Add(1)
		if begin.IsTransparentRetryAttempt {
			c.resent.Add(1)
		}
	}
}

// TagRPC, TagConn and HandleConn are of no use here.
func (c *crowd) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (c *crowd) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (c *crowd) HandleConn(context.Context, stats.ConnStats)                       {}
