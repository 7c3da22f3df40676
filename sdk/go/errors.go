package litebox

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// domain is that of the service's reasons; reasons of others are none of ours.
const domain = "litebox.ru"

// Reason says why a call failed, in the words of the contract's ErrorReason without its prefix. The constants Err… are
// all that this release knows; newer ones are kept as text. A Reason is an error, so that it can stand in [errors.Is]:
//
//	if errors.Is(err, litebox.ErrClientAlreadyRegistered) { … }
type Reason string

// Error is the reason itself.
func (r Reason) Error() string { return string(r) }

// Error is how every call of this package fails. Decide by Code and Reason; texts may change.
type Error struct {
	// Code of gRPC.
	Code codes.Code
	// Reason; empty when the service itself did not answer, as when it cannot be reached.
	Reason Reason
	// Message in English, for developers.
	Message string
	// LocalizedMessage in Russian, for people, which ends with what to do next. May be empty.
	LocalizedMessage string
	// FieldViolations are the wrong fields, all at once, of VALIDATION_FAILED.
	FieldViolations []FieldViolation
	// PreconditionViolations are broken rules, warnings that are open, or addresses that come near.
	PreconditionViolations []PreconditionViolation
	// RetryAfter is how long to wait before repeating; 0 when the service does not tell.
	RetryAfter time.Duration
	// Metadata of the reason, such as "client_id" of CLIENT_ALREADY_REGISTERED.
	Metadata map[string]string
	// ServerRequestID is the service's own name of the call, which its operators can find in their log.
	ServerRequestID string
	// RequestID of the request; the same call can be repeated with it later. Empty for calls that have none.
	RequestID string
	// Method that was called: "/litebox.client.v1.ClientService/Register".
	Method string
	// Attempts that were made.
	Attempts int

	status *status.Status
}

// FieldViolation is one wrong field.
type FieldViolation struct {
	// Field is its path: "address.postal_code".
	Field string
	// Reason is what is wrong with it, for programs: "INN_CHECK_DIGIT".
	Reason string
	// Description in English, for developers.
	Description string
	// LocalizedMessage in Russian, for people.
	LocalizedMessage string
}

// PreconditionViolation is one broken rule.
type PreconditionViolation struct {
	// Type is the rule, or the word to acknowledge a warning with.
	Type string
	// Subject is the field it is about, or the id of an address.
	Subject string
	// Description for people.
	Description string
}

// Error is one line without personal data.
func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "litebox: %s: %s", strings.TrimPrefix(e.Method, "/"), e.Code)
	if e.Reason != "" {
		fmt.Fprintf(&text, " (%s)", string(e.Reason))
	}
	fmt.Fprintf(&text, ": %s", e.Message)
	for _, violation := range e.FieldViolations {
		fmt.Fprintf(&text, "; %s: %s", violation.Field, violation.Description)
	}
	for _, violation := range e.PreconditionViolations {
		fmt.Fprintf(&text, "; %s", violation.Type)
	}
	if e.ServerRequestID != "" {
		fmt.Fprintf(&text, " [x-request-id %s]", e.ServerRequestID)
	}
	return text.String()
}

// GoString is the same line: localized texts may tell of a person, and stay out of what is printed.
func (e *Error) GoString() string { return e.Error() }

// String leaves out what is told to people, which may tell of a person.
func (v FieldViolation) String() string { return strings.TrimSuffix(v.Field+": "+v.Reason, ": ") }

// GoString leaves it out as well.
func (v FieldViolation) GoString() string { return v.String() }

// String leaves out what is told to people, which may tell of a person.
func (v PreconditionViolation) String() string {
	return strings.TrimSuffix(v.Type+": "+v.Subject, ": ")
}

// GoString leaves it out as well.
func (v PreconditionViolation) GoString() string { return v.String() }

// Is lets [errors.Is] find the reason, and the errors of the context when it was the context that ended the call.
func (e *Error) Is(target error) bool {
	switch target {
	case context.DeadlineExceeded:
		return e.Code == codes.DeadlineExceeded
	case context.Canceled:
		return e.Code == codes.Canceled
	}
	reason, ok := target.(Reason)
	return ok && reason != "" && reason == e.Reason
}

// GRPCStatus gives the whole status, with details that this package does not know, to the package status of gRPC.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// newError makes an Error of what gRPC and the service have said.
func newError(method string, err error, told ...metadata.MD) *Error {
	st := status.Convert(fromContext(err))
	e := &Error{Code: st.Code(), Message: st.Message(), Method: method, status: st}
	for _, detail := range st.Details() {
		e.add(detail)
	}
	for _, md := range told {
		if ids := md.Get("x-request-id"); len(ids) > 0 {
			e.ServerRequestID = ids[0]
		}
	}
	if e.Code == codes.DeadlineExceeded && e.Reason == "" {
		e.Reason = ErrDeadlineExceeded // the timer here was faster than the service's
	}
	return e
}

// nearly is how much earlier than here the service may find that a deadline has passed.
const nearly = 50 * time.Millisecond

// seenFrom tells apart what CANCELLED can mean: the caller has asked for it; the deadline has passed, which the service
// has noticed first; or a connection has ended with the call on it, which is nothing else than UNAVAILABLE.
func (e *Error) seenFrom(ctx context.Context) *Error {
	if e.Code != codes.Canceled || e.Reason != "" || ctx.Err() == context.Canceled {
		return e
	}
	e.Code = codes.Unavailable
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < nearly {
		e.Code, e.Reason = codes.DeadlineExceeded, ErrDeadlineExceeded
	}
	e.status = status.New(e.Code, e.Message)
	return e
}

// fromContext gives the errors of a context their codes.
func fromContext(err error) error {
	if err == context.DeadlineExceeded || err == context.Canceled {
		return status.FromContextError(err).Err()
	}
	return err
}

// add takes over one detail of a status.
func (e *Error) add(detail any) {
	switch detail := detail.(type) {
	case *errdetails.ErrorInfo:
		if detail.GetDomain() == domain {
			e.Reason, e.Metadata = Reason(detail.GetReason()), detail.GetMetadata()
		}
	case *errdetails.LocalizedMessage:
		e.LocalizedMessage = detail.GetMessage()
	case *errdetails.RetryInfo:
		e.RetryAfter = detail.GetRetryDelay().AsDuration()
	case *errdetails.RequestInfo:
		e.ServerRequestID = detail.GetRequestId()
	case *errdetails.BadRequest:
		for _, v := range detail.GetFieldViolations() {
			e.FieldViolations = append(e.FieldViolations, FieldViolation{
				v.GetField(), v.GetReason(), v.GetDescription(), v.GetLocalizedMessage().GetMessage(),
			})
		}
	case *errdetails.PreconditionFailure:
		for _, v := range detail.GetViolations() {
			e.PreconditionViolations = append(e.PreconditionViolations,
				PreconditionViolation{v.GetType(), v.GetSubject(), v.GetDescription()})
		}
	}
}
