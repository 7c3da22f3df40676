"""Who reaches the pods, and whom they reach."""

import tomllib
import unittest

from chart import LIVE, NAME, TEST, config, kinds, one, render, server


class Ways(unittest.TestCase):
    def test_a_headless_service_stands_beside_the_other(self):
        found = render(*LIVE)
        self.assertEqual(one(found, "Service", NAME)["spec"]["type"], "ClusterIP")
        self.assertEqual(one(found, "Service", f"{NAME}-headless")["spec"]["clusterIP"], "None")
        self.assertNotIn(f"Service/{NAME}-headless", kinds(render(*LIVE, "service.headless=false")))

    def test_callers_from_outside_keep_their_addresses_unless_told(self):
        self.assertNotIn("externalTrafficPolicy", one(render(*TEST), "Service", NAME)["spec"])
        for kind in ["NodePort", "LoadBalancer"]:
            for sets, policy in [([], "Local"), (["service.externalTrafficPolicy=Cluster"], "Cluster")]:
                spec = one(render(*TEST, f"service.type={kind}", *sets), "Service", NAME)["spec"]
                self.assertEqual(spec["externalTrafficPolicy"], policy)

    def test_a_load_balancer_is_told_who_may_call_and_nodes_at_which_port(self):
        networks = 'service.loadBalancerSourceRanges:=["203.0.113.0/24","2001:db8::/32"]'
        spec = one(render(*TEST, "service.type=LoadBalancer", networks, "service.nodePort=30051"), "Service", NAME)["spec"]
        self.assertEqual((spec["loadBalancerSourceRanges"], spec["ports"][0]["nodePort"]), (["203.0.113.0/24", "2001:db8::/32"], 30051))
        spec = one(render(*TEST, "service.type=NodePort", "service.nodePort=30051"), "Service", NAME)["spec"]
        self.assertEqual(spec["ports"][0]["nodePort"], 30051)
        for kind in ["ClusterIP", "NodePort", "LoadBalancer"]:
            spec = one(render(*TEST, f"service.type={kind}"), "Service", NAME)["spec"]
            self.assertNotIn("loadBalancerSourceRanges", spec)
            self.assertNotIn("nodePort", spec["ports"][0])

    def test_the_protocol_is_told(self):
        tls = ["tls.enabled=true", "tls.existingSecret=t"]
        for sets, protocol in [([], "kubernetes.io/h2c"), (tls, "https"), (["service.appProtocol=grpc"], "grpc")]:
            self.assertEqual(one(render(*TEST, *sets), "Service", NAME)["spec"]["ports"][0]["appProtocol"], protocol)

    def test_cert_manager_issues_for_the_services_and_the_pods_read_what_it_issues(self):
        found = render(*TEST, "tls.enabled=true", "tls.certManager.enabled=true", "tls.certManager.issuerRef.name=i", "tls.certManager.dnsNames[0]=a.example")
        made = one(found, "Certificate")["spec"]
        self.assertLessEqual({f"{NAME}.partners.svc", f"{NAME}-headless.partners.svc", "a.example"}, set(made["dnsNames"]))
        self.assertIn(made["secretName"], [v["secret"]["secretName"] for v in server(found)[0]["volumes"] if v["name"] == "tls"])

    def test_an_ingress_and_a_route_lead_to_the_service(self):
        rule = one(render(*TEST, "ingress.enabled=true", "ingress.hosts[0]=a.example"), "Ingress")["spec"]["rules"][0]
        self.assertEqual(rule["http"]["paths"][0]["backend"]["service"], {"name": NAME, "port": {"name": "grpc"}})
        route = one(render(*TEST, "grpcRoute.enabled=true", "grpcRoute.parentRefs[0].name=g", "service.port=99"), "GRPCRoute")["spec"]
        self.assertEqual(route["rules"][0]["backendRefs"], [{"name": NAME, "port": 99}])

    def test_a_network_policy_lets_in_and_out_only_who_is_named(self):
        self.assertNotIn(f"NetworkPolicy/{NAME}", kinds(render(*TEST)))
        spec = one(render(*TEST, "networkPolicy.enabled=true"), "NetworkPolicy", NAME)["spec"]
        self.assertEqual(spec["policyTypes"], ["Ingress", "Egress"])
        self.assertEqual(spec["ingress"], [{"ports": [{"port": "grpc", "protocol": "TCP"}], "from": [{"podSelector": {}}]}])
        self.assertEqual([r["ports"][0]["port"] for r in spec["egress"]], [53, 16732])
        dns = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
        self.assertEqual(spec["egress"][0]["to"], [dns])
        egress = 'networkPolicy.egress:=[{"ports":[{"port":5432}]}]'
        who = ['networkPolicy.ingressFrom:=[{"ipBlock":{"cidr":"10.0.0.0/8"}}]', 'networkPolicy.metricsFrom:=[{"ipBlock":{"cidr":"10.1.0.0/16"}}]']
        spec = one(render(*LIVE, "networkPolicy.enabled=true", egress, *who), "NetworkPolicy")["spec"]
        self.assertEqual([r["from"][0]["ipBlock"]["cidr"] for r in spec["ingress"]], ["10.0.0.0/8", "10.1.0.0/16"])
        self.assertEqual(spec["egress"][1:], [{"ports": [{"port": 5432}]}])
        tests = spec["ingress"][0]["from"][1]["podSelector"]["matchLabels"]
        labels = one(render(*LIVE), "Pod", f"{NAME}-test-health")["metadata"]["labels"]
        self.assertLessEqual(tests.items(), labels.items())
        self.assertEqual(tests["app.kubernetes.io/component"], "test")

    def test_pods_that_migrate_are_let_out_to_the_same_places_and_nobody_in(self):
        wall = [*LIVE, "networkPolicy.enabled=true", 'networkPolicy.egress:=[{"ports":[{"port":5432}]}]']
        self.assertNotIn(f"NetworkPolicy/{NAME}-migrations", kinds(render(*wall)))
        for mode in ["job", "hook"]:
            found = render(*wall, f"migrations.mode={mode}")
            made, job = one(found, "NetworkPolicy", f"{NAME}-migrations"), one(found, "Job")
            self.assertEqual((made["spec"]["policyTypes"], made["spec"].get("ingress")), (["Ingress", "Egress"], None))
            self.assertEqual(made["spec"]["egress"], one(found, "NetworkPolicy", NAME)["spec"]["egress"])
            self.assertLessEqual(made["spec"]["podSelector"]["matchLabels"].items(), job["spec"]["template"]["metadata"]["labels"].items())
            weights = [int(each["metadata"].get("annotations", {}).get("helm.sh/hook-weight", 0)) for each in [made, job]]
            self.assertEqual(weights, [-10, -5] if mode == "hook" else [0, 0])

    def test_services_of_the_cluster_may_call_when_named(self):
        subject = 'serviceTokens.subjects:=[{"namespace":"b","serviceAccount":"s","scopes":["KKT_READ"]}]'
        issuer = 'config.jwt.issuers:=[{"issuer":"https://login.example","audiences":["a"],"jwks_url":"https://login.example/jwks","subjects":[]}]'
        found = render(*TEST, "serviceTokens.enabled=true", subject, issuer)
        issuers = tomllib.loads(config(found))["jwt"]["issuers"]
        self.assertEqual([i["issuer"] for i in issuers], ["https://login.example", "https://kubernetes.default.svc.cluster.local"])
        self.assertEqual([s["subject"] for s in issuers[1]["subjects"]], ["system:serviceaccount:b:s"])
        sources = next(v for v in server(found)[0]["volumes"] if v["name"] == "cluster")["projected"]["sources"]
        self.assertEqual(sources[0], {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}})


class Sandbox(unittest.TestCase):
    def test_one_switch_runs_it_and_points_the_server_at_it(self):
        found = render(*TEST)
        at = f"http://{NAME}-sandbox"
        gateways = tomllib.loads(config(found))["gateways"]
        self.assertEqual([gateways[g]["url"] for g in ["accounts", "fns", "ofd"]], [f"{at}:16733"] * 3)
        self.assertEqual(gateways["taxpayers"]["base_url"], f"{at}:16732")
        ports = [p["port"] for p in one(found, "Service", f"{NAME}-sandbox")["spec"]["ports"]]
        self.assertEqual(ports, [16732, 16733])
        self.assertNotIn("sandbox", " ".join(kinds(render(*LIVE))))

    def test_it_is_shown_a_key_which_it_asks_for_as_dadata_does(self):
        def key(*sets):
            return [env for env in server(render(*sets))[1]["env"] if env["name"].startswith("LITEBOX_GATEWAYS_TAXPAYERS_API_KEY")]

        name = "LITEBOX_GATEWAYS_TAXPAYERS_API_KEY"
        self.assertEqual(key(*TEST), [{"name": name, "value": "sandbox"}])
        own = {"secretKeyRef": {"name": "s", "key": "api-key"}}
        self.assertEqual(key(*TEST, "secrets.taxpayersApiKey.existingSecret=s"), [{"name": name, "valueFrom": own}])
        self.assertEqual(key(*TEST, "secrets.taxpayersApiKey.file=/key"), [{"name": f"{name}_FILE", "value": "/key"}])
        self.assertEqual(key(*LIVE), [])

    def test_an_address_that_is_configured_stands_over_it(self):
        gateways = tomllib.loads(config(render(*TEST, "config.gateways.fns.url=http://mine:1")))["gateways"]
        self.assertEqual(gateways["fns"]["url"], "http://mine:1")

    def test_nobody_but_the_server_reaches_it(self):
        spec = one(render(*TEST), "NetworkPolicy", f"{NAME}-sandbox")["spec"]
        who = spec["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
        self.assertEqual((len(spec["ingress"]), who["app.kubernetes.io/component"]), (1, "server"))
        self.assertNotIn("egress", spec)


class Tests(unittest.TestCase):
    SETS = [*TEST, "serviceTokens.enabled=true", "tests.authenticated.enabled=true"]

    def test_health_is_asked_through_the_service(self):
        for sets, flags in [([], []), (["tls.enabled=true", "tls.existingSecret=t"], [f"--server-name={NAME}.partners.svc"])]:
            made = one(render(*TEST, *sets), "Pod", f"{NAME}-test-health")
            self.assertEqual(made["metadata"]["annotations"]["helm.sh/hook"], "test")
            command = made["spec"]["containers"][0]["command"]
            self.assertEqual(command, ["litebox-partner", "healthcheck", f"--address={NAME}.partners.svc:50051", "--timeout=20", *flags])

    def test_a_call_shows_a_projected_token_for_our_audience_and_a_bare_one_must_fail(self):
        found = render(*self.SETS)
        made = one(found, "Pod", f"{NAME}-test-call")
        token = made["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]
        self.assertEqual(token, {"path": "token", "audience": "litebox-partner", "expirationSeconds": 600})
        command = made["spec"]["containers"][0]["command"]
        self.assertEqual(command[:2], ["litebox-partner", "healthcheck"])
        self.assertEqual(command[4:], ["--token-file=/var/run/secrets/litebox-partner/test/token"])
        subjects = tomllib.loads(config(found))["jwt"]["issuers"][0]["subjects"]
        self.assertEqual(subjects, [{"subject": f"system:serviceaccount:partners:{made['spec']['serviceAccountName']}", "scopes": ["KKT_READ"]}])
        self.assertNotIn(f"Pod/{NAME}-test-call", kinds(render(*TEST)))

    def test_with_tls_a_token_is_shown_to_a_server_that_is_verified(self):
        tls = ["tls.enabled=true", "tls.existingSecret=t"]
        for sets, secret, name in [([], "t", f"{NAME}.partners.svc"), (["tests.authenticated.caSecret=c", "tests.authenticated.serverName=a.example"], "c", "a.example")]:
            spec = one(render(*self.SETS, *tls, *sets), "Pod", f"{NAME}-test-call")["spec"]
            self.assertEqual(spec["containers"][0]["command"][5:], ["--ca=/etc/litebox-partner/ca/ca.crt", f"--server-name={name}"])
            self.assertIn({"name": "ca", "secret": {"secretName": secret, "items": [{"key": "ca.crt", "path": "ca.crt"}]}}, spec["volumes"])


if __name__ == "__main__":
    unittest.main()
