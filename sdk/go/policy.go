package litebox

import (
	_ "embed" // the policy that all languages share
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

// serviceConfig is a copy of sdk/service_config.json, made when the code is generated.
//
//go:embed service_config.json
var serviceConfig []byte

// policy says what is repeated, how often and after which pauses.
type policy struct {
	MaxAttempts       int          `json:"maxAttempts"`
	InitialBackoff    seconds      `json:"initialBackoff"`
	MaxBackoff        seconds      `json:"maxBackoff"`
	BackoffMultiplier float64      `json:"backoffMultiplier"`
	RetryableCodes    []codes.Code `json:"retryableStatusCodes"`
}

// seconds is a duration as protobuf writes it in JSON: "0.1s".
type seconds time.Duration

// UnmarshalJSON is called by encoding/json.
func (s *seconds) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	duration, err := time.ParseDuration(text)
	*s = seconds(duration)
	return err
}

// policies are looked up by "/service/method", then by "/service/". A method without a policy is not repeated.
type policies map[string]*policy

// readPolicies reads the same file that gRPC would. The repeating is done here and not by gRPC, because gRPC knows
// nothing of RetryInfo: it would spend all attempts before the time that the service has asked for.
func readPolicies(config []byte) (policies, error) {
	var file struct {
		MethodConfig []struct {
			Name []struct {
				Service string `json:"service"`
				Method  string `json:"method"`
			} `json:"name"`
			RetryPolicy *policy `json:"retryPolicy"`
		} `json:"methodConfig"`
	}
	if err := json.Unmarshal(config, &file); err != nil {
		return nil, fmt.Errorf("service config: %w", err)
	}
	all := policies{}
	for _, entry := range file.MethodConfig {
		for _, name := range entry.Name {
			all["/"+name.Service+"/"+name.Method] = entry.RetryPolicy
		}
	}
	return all, nil
}

func (p policies) of(method string) *policy {
	if exact, ok := p[method]; ok {
		return exact
	}
	return p[method[:strings.LastIndex(method, "/")+1]]
}

// allows tells whether a call that has failed this often, last with this code, may be repeated.
func (p *policy) allows(code codes.Code, attempts int) bool {
	return p != nil && attempts < p.MaxAttempts && slices.Contains(p.RetryableCodes, code)
}

// pause grows with the attempts and is spread by a fifth, so that many programs do not come back at the same moment.
func (p *policy) pause(attempts int) time.Duration {
	pause := float64(p.InitialBackoff) * math.Pow(p.BackoffMultiplier, float64(attempts-1))
	return time.Duration(min(pause, float64(p.MaxBackoff)) * (0.8 + 0.4*rand.Float64()))
}
