"""What is printed after an installation says what the chart cannot do itself. What it has operators type is typed elsewhere."""

import unittest

from chart import LIVE, TEST, notes

TLS = ["tls.enabled=true", "tls.existingSecret=t"]
INGRESS = ["ingress.enabled=true", "ingress.hosts[0]=a.example"]
ROUTE = ["grpcRoute.enabled=true", "grpcRoute.parentRefs[0].name=g"]
PROTOCOL = r"ingress.annotations.nginx\.ingress\.kubernetes\.io/backend-protocol"


class Notes(unittest.TestCase):
    def told(self, sentence, cases):
        for sets, is_told in cases:
            self.assertEqual(sentence in " ".join(notes(*sets).split()), is_told, sets)

    def test_an_ingress_before_pods_with_tls_must_speak_it_too(self):
        self.told("controller of the Ingress must as well: ingress-nginx does with nginx.ingress.kubernetes.io/backend-protocol: GRPCS", [
            ([*TEST, *TLS, *INGRESS], True), ([*TEST, *TLS, *INGRESS, f"{PROTOCOL}=GRPC"], True), ([*TEST, *TLS, *INGRESS, f"{PROTOCOL}=GRPCS"], False),
            ([*TEST, *INGRESS], False), ([*TEST, *TLS], False),
        ])  # fmt: skip

    def test_a_route_to_pods_with_tls_wants_a_policy_that_the_chart_does_not_make(self):
        sentence = "only with a BackendTLSPolicy for the Service shop-litebox-partner"
        self.told(sentence, [([*TEST, *TLS, *ROUTE], True), ([*TEST, *ROUTE], False), ([*TEST, *TLS], False)])

    def test_while_a_restore_is_recovered_the_call_is_to_wait(self):
        sentence = "3. Call it, when the tokens are confirmed: until then the answer is UNAVAILABLE, RECOVERING: kubectl"
        self.told(sentence, [([*LIVE, "recover=2026-11-24"], True), (LIVE, False)])
        self.told("3. Call it: kubectl", [([*LIVE, "recover=2026-11-24"], False), (LIVE, True)])


if __name__ == "__main__":
    unittest.main()
