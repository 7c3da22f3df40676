package litebox

import (
	"crypto/rand"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// NewRequestID draws a request id, a UUID of version 4. Draw one for each new intention, store it, then call: after
// a crash the same id continues what was begun. A request without an id gets one by itself, which only lives as long as
// the call and its error.
func NewRequestID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// identified is a request that carries an id.
type identified interface {
	proto.Message
	GetRequestId() string
}

// withRequestID leaves the caller's request as it is: whoever uses it again means something new.
func withRequestID[R identified](request R) R {
	if request.GetRequestId() != "" {
		return request
	}
	message := request.ProtoReflect()
	if message.IsValid() {
		message = proto.Clone(request).ProtoReflect()
	} else {
		message = message.New()
	}
	field := message.Descriptor().Fields().ByName("request_id")
	message.Set(field, protoreflect.ValueOfString(NewRequestID()))
	return message.Interface().(R)
}

// requestIDOf is empty for requests that carry none.
func requestIDOf(request any) string {
	if request, ok := request.(identified); ok {
		return request.GetRequestId()
	}
	return ""
}
