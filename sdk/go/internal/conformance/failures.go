package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"google.golang.org/grpc/codes"

	litebox "litebox.ru/partner/sdk/go"
)

var cyrillic = regexp.MustCompile(`\p{Cyrillic}`)

// failed compares the error of a step with what is wanted, and saves from it.
func (r *runner) failed(step, wanted object, err error) error {
	if err == nil {
		return fmt.Errorf("it succeeded, wanted was %v", wanted)
	}
	if wanted == nil {
		return err
	}
	var failure *litebox.Error
	if !errors.As(err, &failure) {
		return fmt.Errorf("%T is no error of the library: %w", err, err)
	}
	r.vars.save(step, object{"request_id": failure.RequestID})
	for key, value := range wanted {
		if unlike := compare(key, value, failure, step); unlike != nil {
			return fmt.Errorf("%w, in: %w", unlike, err)
		}
	}
	return nil
}

// compare looks at one key of an expected error.
func compare(key string, wanted any, failure *litebox.Error, step object) error {
	switch key {
	case "code":
		var code codes.Code
		if err := code.UnmarshalJSON(fmt.Appendf(nil, "%q", wanted)); err != nil {
			return err
		}
		return same(key, failure.Code, code)
	case "reason":
		reason := litebox.Reason(wanted.(string))
		if reason != "" && !errors.Is(fmt.Errorf("wrapped: %w", failure), reason) {
			return fmt.Errorf("errors.Is does not find %s", reason)
		}
		return same(key, failure.Reason, reason)
	case "fields":
		return same(key, fmt.Sprint(fields(failure)), fmt.Sprint(wanted))
	case "field_details":
		return same(key, !slices.ContainsFunc(failure.FieldViolations, func(v litebox.FieldViolation) bool {
			return v.Reason == "" || !cyrillic.MatchString(v.LocalizedMessage)
		}), wanted.(bool))
	case "preconditions":
		return preconditions(wanted.([]any), failure)
	case "metadata":
		return metadata(wanted, failure)
	case "retry_after":
		return same(key, failure.RetryAfter > 0, wanted.(bool))
	case "localized":
		return same(key, cyrillic.MatchString(failure.LocalizedMessage), wanted.(bool))
	case "server_request_id":
		return same(key, failure.ServerRequestID != "", wanted.(bool))
	case "request_id":
		return requestID(failure, step)
	}
	return fmt.Errorf("unknown expectation %s", key)
}

func same[T comparable](key string, got, wanted T) error {
	if got != wanted {
		return fmt.Errorf("%s is %v, not %v", key, got, wanted)
	}
	return nil
}

func fields(failure *litebox.Error) (fields []string) {
	for _, violation := range failure.FieldViolations {
		fields = append(fields, violation.Field)
	}
	return fields
}

func preconditions(wanted []any, failure *litebox.Error) error {
	for _, kind := range wanted {
		if !slices.ContainsFunc(failure.PreconditionViolations, func(v litebox.PreconditionViolation) bool { return v.Type == kind }) {
			return fmt.Errorf("no precondition violation is %v", kind)
		}
	}
	return nil
}

func metadata(wanted any, failure *litebox.Error) error {
	all := object{}
	for name, value := range failure.Metadata {
		all[name] = value
	}
	return fits(wanted, all, "metadata")
}

// requestID must be that of the request, or one that was drawn for it.
func requestID(failure *litebox.Error, step object) error {
	if sent, ok := at(step, "request.requestId").(string); ok {
		return same("request_id", failure.RequestID, sent)
	}
	return same("length of request_id", len(failure.RequestID), len(litebox.NewRequestID()))
}
