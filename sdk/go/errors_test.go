package litebox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"litebox.ru/partner/sdk/go/gen/clientv1"
	"litebox.ru/partner/sdk/go/gen/errorv1"
)

func TestWhatIsPrintedHoldsNothingThatIsToldToPeople(t *testing.T) {
	failed := &Error{
		Code: codes.InvalidArgument, LocalizedMessage: "Иванов",
		FieldViolations:        []FieldViolation{{Field: "inn", Reason: "INN", LocalizedMessage: "Иванов"}},
		PreconditionViolations: []PreconditionViolation{{"ADDRESS", "inn", "Иванов"}},
	}
	for _, what := range []any{failed, failed.FieldViolations, failed.PreconditionViolations} {
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			if said := fmt.Sprintf(verb, what); strings.Contains(said, "Иванов") || !strings.Contains(said, "inn") {
				t.Errorf("%s of %T: %s", verb, what, said)
			}
		}
	}
}

func TestEveryDetailOfAnErrorArrives(t *testing.T) {
	server := &fake{register: func(ctx context.Context, _ *clientv1.RegisterRequest) (*clientv1.RegisterResponse, error) {
		_ = grpc.SetHeader(ctx, metadata.Pairs("x-request-id", "r-1"))
		return nil, refusal(codes.InvalidArgument, ErrValidationFailed,
			&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
				{
					Field: "inn", Description: "wrong", Reason: "INN_CHECK_DIGIT",
					LocalizedMessage: &errdetails.LocalizedMessage{Locale: "ru-RU", Message: "Проверьте ИНН"},
				},
				{Field: "phone", Description: "too long"},
			}},
			&errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{
				{Type: "SERIAL_PATTERN", Subject: "serial", Description: "look"},
			}},
			&errdetails.LocalizedMessage{Locale: "ru-RU", Message: "Исправьте поля."},
			retryAfter(1500*time.Millisecond))
	}}
	partner, _ := connect(t, server.serve(t), nil)
	_, err := partner.Clients.Register(t.Context(), &clientv1.RegisterRequest{RequestId: "i-1"})
	var e *Error
	if !errors.As(fmt.Errorf("wrapped: %w", err), &e) {
		t.Fatalf("got %T", err)
	}
	if e.Code != codes.InvalidArgument || e.Reason != ErrValidationFailed || e.LocalizedMessage != "Исправьте поля." ||
		e.RetryAfter != 1500*time.Millisecond || e.ServerRequestID != "r-1" || e.RequestID != "i-1" || e.Attempts != 1 ||
		e.Method != "/litebox.client.v1.ClientService/Register" || e.Message != "refused" || e.Metadata["about"] != "it" {
		t.Errorf("got %+v", e)
	}
	if !slices.Equal(e.FieldViolations, []FieldViolation{
		{"inn", "INN_CHECK_DIGIT", "wrong", "Проверьте ИНН"}, {"phone", "", "too long", ""},
	}) ||
		!slices.Equal(e.PreconditionViolations, []PreconditionViolation{{"SERIAL_PATTERN", "serial", "look"}}) {
		t.Errorf("got %v, %v", e.FieldViolations, e.PreconditionViolations)
	}
	wanted := "litebox: litebox.client.v1.ClientService/Register: InvalidArgument (VALIDATION_FAILED): refused; " +
		"inn: wrong; phone: too long; SERIAL_PATTERN [x-request-id r-1]"
	if e.Error() != wanted || len(status.Convert(err).Details()) != 5 {
		t.Errorf("got %s with %v", e, status.Convert(err).Details())
	}
}

func TestReasonsAreFoundByErrorsIs(t *testing.T) {
	err := error(newError("/m", refusal(codes.AlreadyExists, ErrClientAlreadyRegistered)))
	if !errors.Is(err, ErrClientAlreadyRegistered) || errors.Is(err, ErrKktAlreadyRegistered) || errors.Is(err, Reason("")) {
		t.Errorf("%v is not what it should be", err)
	}
	if unknown := newError("/m", refusal(codes.Internal, "OF_A_LATER_RELEASE")); !errors.Is(unknown, Reason("OF_A_LATER_RELEASE")) {
		t.Errorf("an unknown reason became %q", unknown.Reason)
	}
}

func TestReasonsOfOthersAreNotOurs(t *testing.T) {
	st, err := status.New(codes.Unavailable, "proxy").WithDetails(&errdetails.ErrorInfo{Reason: "CONFLICT", Domain: "proxy.example"})
	if err != nil {
		t.Fatal(err)
	}
	if e := newError("/m", st.Err()); e.Reason != "" {
		t.Errorf("took over %q", e.Reason)
	}
}

func TestWhatCancelledMeans(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	in := func(timeout time.Duration) context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		t.Cleanup(cancel)
		return ctx
	}
	for name, c := range map[string]struct {
		ctx    context.Context
		code   codes.Code
		reason Reason
	}{
		"the caller":           {ended, codes.Canceled, ""},
		"a connection":         {t.Context(), codes.Unavailable, ""},
		"a connection in time": {in(time.Minute), codes.Unavailable, ""},
		"a deadline":           {in(0), codes.DeadlineExceeded, ErrDeadlineExceeded},
		"nearly a deadline":    {in(nearly / 2), codes.DeadlineExceeded, ErrDeadlineExceeded},
	} {
		e := newError("/m", status.Error(codes.Canceled, "cancelled")).seenFrom(c.ctx)
		if e.Code != c.code || e.Reason != c.reason || status.Code(e) != c.code {
			t.Errorf("%s: got %v", name, e)
		}
	}
	if e := newError("/m", refusal(codes.Canceled, "ANY")).seenFrom(t.Context()); e.Code != codes.Canceled {
		t.Errorf("what the service says itself became %v", e)
	}
}

// The constants are generated; this notices a contract that has moved on without them.
func TestThereIsAConstantForEveryReason(t *testing.T) {
	source, err := os.ReadFile("reasons.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range slices.Sorted(maps.Keys(errorv1.ErrorReason_name)) {
		reason := strings.TrimPrefix(errorv1.ErrorReason_name[number], "ERROR_REASON_")
		if there := strings.Contains(string(source), fmt.Sprintf("Reason = %q", reason)); there != (number != 0) {
			t.Errorf("%s: a constant is there: %t", reason, there)
		}
	}
}

func TestThePolicyIsTheSharedOne(t *testing.T) {
	shared, err := os.ReadFile("../service_config.json")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the module stands alone")
	}
	if string(shared) != string(serviceConfig) {
		t.Error("service_config.json is no copy of the shared one: make generate")
	}
	policies, err := readPolicies(serviceConfig)
	if err != nil {
		t.Fatal(err)
	}
	if policies.of("/litebox.kkt.v1.KktService/Watch") != nil || policies.of("/other/Get") != nil {
		t.Error("Watch, or what is not ours, would be repeated")
	}
	for _, method := range clientv1.ClientService_ServiceDesc.Methods {
		if !policies.of("/litebox.client.v1.ClientService/"+method.MethodName).allows(codes.Unavailable, 4) {
			t.Errorf("%s would not be repeated", method.MethodName)
		}
	}
}
