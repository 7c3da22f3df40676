// Written by `make generate` from sdk/service_config.json; do not edit.
export const serviceConfig = {
  "loadBalancingConfig": [{"round_robin": {}}],
  "methodConfig": [
    {
      "name": [
        {"service": "litebox.client.v1.ClientService"},
        {"service": "litebox.kkt.v1.KktService"}
      ],
      "retryPolicy": {
        "maxAttempts": 5,
        "initialBackoff": "0.1s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"]
      }
    },
    {
      "name": [{"service": "litebox.kkt.v1.KktService", "method": "Watch"}]
    }
  ]
} as const;
