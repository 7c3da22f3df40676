"""What each switch of the values does."""

import json
import re
import tomllib
import unittest

from chart import LIVE, MODES, TEST, config, kinds, one, render, server

NAME = "shop-litebox-partner"


def job(*sets):
    return one(render(*LIVE, "migrations.mode=job", *sets), "Job")


class Server(unittest.TestCase):
    def test_postgresql_is_rolled_without_a_gap_and_sqlite_recreated(self):
        rolled = one(render(*LIVE), "Deployment", NAME)["spec"]
        self.assertEqual(rolled["strategy"], {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}})
        self.assertEqual(rolled["replicas"], 2)
        recreated = one(render(*TEST), "Deployment", NAME)["spec"]
        self.assertEqual(recreated["strategy"], {"type": "Recreate"})

    def test_the_grace_period_covers_the_servers_own_deadlines(self):
        for delay, drain, margin, seconds in [(8000, 20000, 10, 38), (0, 0, 7, 7), (1, 0, 7, 8), (12000, 30500, 10, 53), (600000, 3600000, 30, 4230)]:
            found = render(*TEST, f"config.shutdown.delay_ms={delay}", f"config.shutdown.drain_ms={drain}", f"terminationMarginSeconds={margin}")
            self.assertEqual(server(found)[0]["terminationGracePeriodSeconds"], seconds)
            self.assertEqual(tomllib.loads(config(found))["shutdown"], {"delay_ms": delay, "drain_ms": drain})

    def test_probes_ask_by_grpc_for_readiness_and_liveness_apart(self):
        probes = server(render(*TEST))[1]
        self.assertEqual(probes["readinessProbe"]["grpc"], {"port": 50051, "service": ""})
        for probe in ["livenessProbe", "startupProbe"]:
            self.assertEqual(probes[probe]["grpc"], {"port": 50051, "service": "liveness"})

    def test_with_tls_probes_are_commands_since_the_kubelets_speak_none(self):
        tls = [*TEST, "tls.enabled=true", "tls.existingSecret=t"]
        probes = server(render(*tls))[1]
        for probe, service in [("readinessProbe", ""), ("livenessProbe", "liveness"), ("startupProbe", "liveness")]:
            self.assertNotIn("grpc", probes[probe])
            self.assertEqual(probes[probe]["exec"]["command"], ["litebox-partner", "healthcheck", f"--service={service}"])
            self.assertGreater(probes[probe]["timeoutSeconds"], 3)
        required = ["tls.clientCa.existingSecret=ca", "tls.clientCa.required=true", "tls.clientCa.probeSecret=p"]
        spec, container = server(render(*tls, *required))
        shown = ["--cert=/etc/litebox-partner/probe/tls.crt", "--key=/etc/litebox-partner/probe/tls.key"]
        self.assertEqual(container["readinessProbe"]["exec"]["command"][3:], shown)
        self.assertIn("p", [v["secret"]["secretName"] for v in spec["volumes"] if v["name"] == "probe"])

    def test_where_strangers_share_the_nodes_addresses_the_pod_asks_itself(self):
        for sets, by in [([], "grpc"), (["service.type=NodePort"], "exec"), (["service.type=LoadBalancer"], "exec"), (["probes.exec=true"], "exec")]:
            container = server(render(*TEST, *sets))[1]
            for probe in ["readinessProbe", "livenessProbe", "startupProbe"]:
                self.assertEqual({"grpc", "exec"} & set(container[probe]), {by}, f"{sets} {probe}")
                self.assertNotIn("--address", str(container[probe]))

    def test_a_change_of_the_configuration_or_the_catalogue_rolls_the_pods(self):
        sums = set()
        for more in [[], ["config.server.deadline_ms=5"], [r"catalogue.files.ofds\.toml=a"], [r"catalogue.files.ofds\.toml=b"]]:
            sums.add(one(render(*TEST, *more), "Deployment", NAME)["spec"]["template"]["metadata"]["annotations"]["checksum/config"])
        self.assertEqual(len(sums), 4)
        same = [one(render(*TEST, more), "Deployment", NAME)["spec"]["template"] for more in ["service.port=1", "service.port=2"]]
        self.assertEqual(same[0], same[1])

    def test_spread_is_soft_unless_told(self):
        for sets, kind in [([], "ScheduleAnyway"), (["topologySpread.whenUnsatisfiable=DoNotSchedule"], "DoNotSchedule")]:
            spread = server(render(*LIVE, *sets))[0]["topologySpreadConstraints"]
            self.assertEqual({s["whenUnsatisfiable"] for s in spread}, {kind})
            self.assertEqual([s["topologyKey"] for s in spread], ["topology.kubernetes.io/zone", "kubernetes.io/hostname"])
        self.assertNotIn("topologySpreadConstraints", server(render(*LIVE, "topologySpread.keys:=[]"))[0])

    def test_extras_and_places_reach_the_pod(self):
        spec, container = server(render(
            *TEST, 'extraEnv:=[{"name":"A","value":"b"}]', 'extraVolumes:=[{"name":"v","emptyDir":{}}]', 'extraVolumeMounts:=[{"name":"v","mountPath":"/v"}]',
            "nodeSelector.disk=fast", 'tolerations:=[{"operator":"Exists"}]', "priorityClassName=high", 'affinity:={"nodeAffinity":{}}', "podLabels.a=b",
            "image.pullSecrets[0].name=r", "podSecurity.runAsUser=1000", "recover=2026-11-24",
        ))  # fmt: skip
        self.assertIn({"name": "A", "value": "b"}, container["env"])
        self.assertIn({"name": "v", "mountPath": "/v"}, container["volumeMounts"])
        for init in spec["initContainers"]:
            self.assertIn({"name": "v", "mountPath": "/v"}, init["volumeMounts"])
        self.assertIn({"name": "v", "emptyDir": {}}, spec["volumes"])
        self.assertEqual((spec["nodeSelector"], spec["tolerations"]), ({"disk": "fast"}, [{"operator": "Exists"}]))
        self.assertEqual((spec["priorityClassName"], spec["affinity"]), ("high", {"nodeAffinity": {}}))
        self.assertEqual((spec["imagePullSecrets"], spec["securityContext"]["runAsUser"]), ([{"name": "r"}], 1000))
        self.assertEqual(container["args"], ["--recover", "2026-11-24"])

    def test_extra_objects_are_yaml_or_templates(self):
        found = render(*TEST, 'extraObjects:=[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"plain"}},'
                       '"apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: {{ .Release.Name }}-made}"]')  # fmt: skip
        self.assertLessEqual({"ConfigMap/plain", "ConfigMap/shop-made"}, set(kinds(found)))

    def test_the_image_is_known_by_digest_tag_or_the_charts_version(self):
        digest = "sha256:" + "1" * 64
        for sets, image in [([], "r/i:0.1.0"), (["image.tag=x"], "r/i:x"), (["image.tag=x", f"image.digest={digest}"], f"r/i@{digest}")]:
            spec, container = server(render(*TEST, *sets))
            self.assertEqual({container["image"], spec["initContainers"][0]["image"]}, {image})

    def test_every_object_has_the_common_labels_and_its_release(self):
        for made in render(*TEST, "commonLabels.team=kkt"):
            labels = made["metadata"]["labels"]
            self.assertEqual((labels["team"], labels["app.kubernetes.io/instance"]), ("kkt", "shop"), made["metadata"]["name"])

    def test_names_can_be_chosen_and_stay_short(self):
        self.assertIn("Deployment/mine", kinds(render(*TEST, "fullnameOverride=mine")))
        self.assertIn("Deployment/litebox-partner", kinds(render(*TEST, name="litebox-partner")))
        for name in kinds(render(*LIVE, "migrations.mode=job", name="n" * 53)):
            self.assertLessEqual(len(name.split("/")[1]), 63, name)


class Settings(unittest.TestCase):
    def test_settings_come_through_as_they_are_whatever_their_kind(self):
        settings = {
            "traces": {"sample_ratio": 0.25, "follow_callers": True},
            "gateways": {"taxpayers": {"cache_seconds": 86400000000, "base_url": 'a "b" \\ <c> & é {{ d }}'}, "breaker": {"failures": 0}},
            "clients": {"accept_statuses": ["LIQUIDATING", "BANKRUPT"]},
            "connections": {"trusted_peers": []},
        }
        found = tomllib.loads(config(render(*TEST, *(f"config.{key}:={json.dumps(value)}" for key, value in settings.items()))))
        for key, value in settings.items():
            self.assertLessEqual(value.keys(), found[key].keys())
        self.assertEqual(found["traces"], settings["traces"])
        self.assertLessEqual(settings["gateways"]["taxpayers"].items(), found["gateways"]["taxpayers"].items())
        self.assertEqual(found["gateways"]["breaker"], {"failures": 0})
        self.assertEqual((found["clients"], found["connections"]), (settings["clients"], settings["connections"]))
        for number in [found["gateways"]["taxpayers"]["cache_seconds"], found["shutdown"]["delay_ms"]]:
            self.assertIs(type(number), int)


class Secrets(unittest.TestCase):
    def test_each_secret_is_read_from_the_secret_that_is_named(self):
        variables = {
            "databaseUrl": ("LITEBOX_DATABASE_URL", "database-url"), "pageKeys": ("LITEBOX_SERVER_PAGE_KEYS", "page-keys"),
            "documentsKeys": ("LITEBOX_DOCUMENTS_KEYS", "documents-keys"), "erasureKey": ("LITEBOX_ERASURE_KEY", "erasure-key"),
            "taxpayersApiKey": ("LITEBOX_GATEWAYS_TAXPAYERS_API_KEY", "api-key"), "devicePassword": ("LITEBOX_GATEWAYS_DEVICE_PASSWORD", "password"),
        }  # fmt: skip
        for value, (variable, key) in variables.items():
            for sets, ref in [([f"secrets.{value}.existingSecret=mine"], key), ([f"secrets.{value}.existingSecret=mine", f"secrets.{value}.key=k"], "k")]:
                env = server(render(*LIVE, *sets))[1]["env"]
                self.assertIn({"name": variable, "valueFrom": {"secretKeyRef": {"name": "mine", "key": ref}}}, env)
            bare = [one for one in LIVE if not one.startswith(f"secrets.{value}.")]
            env = server(render(*bare, f"secrets.{value}.file=/vault/it"))[1]["env"]
            self.assertEqual([e for e in env if e["name"].startswith(variable)], [{"name": f"{variable}_FILE", "value": "/vault/it"}])
        names = [e["name"] for e in server(render(*LIVE))[1]["env"]]
        self.assertNotIn("LITEBOX_ERASURE_KEY", names)


class Migrations(unittest.TestCase):
    def test_by_default_an_init_container_migrates_and_no_hook_runs(self):
        found = render(*LIVE)
        init = server(found)[0]["initContainers"]
        self.assertEqual([c["command"] for c in init], [["litebox-partner", "config", "check"], ["litebox-partner", "migrate"]])
        self.assertNotIn("Job", {o["kind"] for o in found})
        for mode in MODES:
            for made in render(file=mode):
                hook = made["metadata"].get("annotations", {}).get("helm.sh/hook")
                self.assertTrue(hook in (None, "test") or mode.name == "live-tls-values.yaml", made["metadata"]["name"])

    def test_the_configuration_is_checked_first_with_all_that_the_server_has(self):
        for sets in [TEST, LIVE, [*LIVE, "migrations.mode=job"], [*TEST, "tls.enabled=true", "tls.existingSecret=t", "extraEnv[0].name=A"]]:
            spec, container = server(render(*sets))
            check = spec["initContainers"][0]
            self.assertEqual(check["command"], ["litebox-partner", "config", "check"])
            for part in ["env", "volumeMounts", "image", "securityContext"]:
                self.assertEqual(check[part], container[part], part)

    def test_the_server_never_migrates_by_itself(self):
        for sets in [TEST, LIVE, [*LIVE, "migrations.mode=hook"]]:
            self.assertIs(tomllib.loads(config(render(*sets)))["database"]["migrate"], False)

    def test_migrations_may_have_an_account_of_the_database_of_their_own(self):
        for mode in ["init", "job", "hook"]:
            found = render(*LIVE, f"migrations.mode={mode}", "migrations.databaseUrl.existingSecret=owner")
            spec, container = server(found)
            migrate = spec["initContainers"][1] if mode == "init" else one(found, "Job")["spec"]["template"]["spec"]["containers"][0]
            names = [[e["valueFrom"]["secretKeyRef"]["name"] for e in c["env"] if e["name"] == "LITEBOX_DATABASE_URL"] for c in [migrate, container]]
            self.assertEqual(names, [["owner"], ["s"]], mode)
            env = server(render(*LIVE, "migrations.databaseUrl.file=/vault/owner"))[0]["initContainers"][1]["env"]
            self.assertIn({"name": "LITEBOX_DATABASE_URL_FILE", "value": "/vault/owner"}, env)

    def test_migrations_get_no_other_secret_and_time_for_long_statements(self):
        env = server(render(*LIVE))[0]["initContainers"][1]["env"]
        self.assertEqual([e["name"] for e in env], ["LITEBOX_DATABASE_URL", "LITEBOX_DATABASE_MIGRATION_STATEMENT_TIMEOUT_MS"])
        self.assertEqual(env[1]["value"], "3600000")

    def test_the_name_of_a_job_follows_what_it_runs_and_the_configuration(self):
        name = job()["metadata"]["name"]
        self.assertRegex(name, rf"^{NAME}-migrate-[0-9a-f]{{10}}$")
        self.assertEqual(job("service.port=1")["metadata"]["name"], name)
        changed = ["image.tag=v2", "secrets.databaseUrl.key=k", "config.database.lock_timeout_ms=5", "migrations.backoffLimit=1",
                   "migrations.statementTimeoutMs=5000", "nodeSelector.a=b"]  # fmt: skip
        self.assertEqual(len({name, *(job(sets)["metadata"]["name"] for sets in changed)}), len(changed) + 1)
        self.assertNotIn("annotations", job()["metadata"])

    def test_jobs_of_equal_names_are_equal(self):
        by_name = {}
        for sets in [[], ["service.port=1"], ["podLabels.a=b"], ["replicas=3"], ["image.tag=v2"], ["commonLabels.a=b"], ["image.pullPolicy=Always"]]:
            made = job(*sets)
            self.assertEqual(by_name.setdefault(made["metadata"]["name"], made["spec"]), made["spec"], sets)

    def test_a_hook_runs_before_the_roll_out_with_an_account_that_exists_by_then(self):
        found = render(*LIVE, "migrations.mode=hook", "migrations.serviceAccount.create=true")
        hook, account = one(found, "Job"), one(found, "ServiceAccount", f"{NAME}-migrations")
        self.assertEqual([c["name"] for c in server(found)[0]["initContainers"]], ["check"])
        for made in [hook, account]:
            self.assertEqual(made["metadata"]["annotations"]["helm.sh/hook"], "pre-install,pre-upgrade")
        weights = [int(made["metadata"]["annotations"]["helm.sh/hook-weight"]) for made in [account, hook]]
        self.assertLess(*weights)
        self.assertEqual(hook["spec"]["template"]["spec"]["serviceAccountName"], account["metadata"]["name"])
        self.assertNotIn("configMap", str(hook["spec"]["template"]["spec"]["volumes"]))

    def test_a_job_has_an_account_of_its_own(self):
        for sets, name in [([], "default"), (["migrations.serviceAccount.name=ddl"], "ddl"), (["migrations.serviceAccount.create=true"], f"{NAME}-migrations")]:
            self.assertEqual(job(*sets)["spec"]["template"]["spec"]["serviceAccountName"], name)


class Storage(unittest.TestCase):
    def test_sqlite_has_a_volume_that_outlives_the_release(self):
        found = render(*TEST)
        claim = one(found, "PersistentVolumeClaim")
        self.assertEqual(claim["metadata"]["annotations"], {"helm.sh/resource-policy": "keep"})
        spec, container = server(found)
        for each in [container, *spec["initContainers"]]:
            self.assertIn({"name": "data", "mountPath": "/var/lib/litebox-partner"}, each["volumeMounts"])
        self.assertEqual(tomllib.loads(config(found))["database"]["url"], "sqlite:/var/lib/litebox-partner/litebox-partner.db")

    def test_a_claim_that_exists_is_used(self):
        found = render(*TEST, "database.sqlite.existingClaim=old")
        self.assertNotIn("PersistentVolumeClaim", {o["kind"] for o in found})
        self.assertIn({"name": "data", "persistentVolumeClaim": {"claimName": "old"}}, server(found)[0]["volumes"])

    def test_postgresql_has_none(self):
        self.assertNotIn("PersistentVolumeClaim", {o["kind"] for o in render(*LIVE)})

    def test_catalogues_come_from_values_or_from_a_config_map(self):
        found = render(*TEST, r"catalogue.files.calendar\.toml=x")
        self.assertEqual(one(found, "ConfigMap", f"{NAME}-catalogue")["data"], {"calendar.toml": "x"})
        self.assertEqual(tomllib.loads(config(found))["catalogue"]["dir"], "/etc/litebox-partner/catalogue")
        self.assertIn({"name": "catalogue", "configMap": {"name": "c"}}, server(render(*LIVE))[0]["volumes"])
        self.assertNotIn("catalogue", tomllib.loads(config(render(*TEST))))


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

    def test_an_address_that_is_configured_stands_over_it(self):
        gateways = tomllib.loads(config(render(*TEST, "config.gateways.fns.url=http://mine:1")))["gateways"]
        self.assertEqual(gateways["fns"]["url"], "http://mine:1")

    def test_nobody_but_the_server_reaches_it(self):
        spec = one(render(*TEST), "NetworkPolicy", f"{NAME}-sandbox")["spec"]
        who = spec["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
        self.assertEqual((len(spec["ingress"]), who["app.kubernetes.io/component"]), (1, "server"))
        self.assertNotIn("egress", spec)


class Scale(unittest.TestCase):
    def test_several_pods_have_a_disruption_budget_and_one_has_none(self):
        for sets, has in [([], True), (["replicas=1"], False), (["podDisruptionBudget.enabled=false"], False), (["autoscaling.enabled=true"], True),
                          (["autoscaling.enabled=true", "autoscaling.minReplicas=1"], False)]:  # fmt: skip
            self.assertEqual("PodDisruptionBudget" in {o["kind"] for o in render(*LIVE, *sets)}, has, sets)
        self.assertNotIn("PodDisruptionBudget", {o["kind"] for o in render(*TEST)})

    def test_the_autoscaler_owns_the_number_of_pods(self):
        found = render(*LIVE, "autoscaling.enabled=true", "autoscaling.maxReplicas=4", 'autoscaling.metrics:=[{"type":"Pods"}]')
        self.assertNotIn("replicas", one(found, "Deployment")["spec"])
        spec = one(found, "HorizontalPodAutoscaler")["spec"]
        self.assertEqual((spec["minReplicas"], spec["maxReplicas"], len(spec["metrics"])), (2, 4, 2))
        self.assertEqual(spec["scaleTargetRef"]["name"], NAME)


class Metrics(unittest.TestCase):
    def test_they_are_served_where_prometheus_can_come(self):
        for sets, listen in [([], "0.0.0.0:9464"), (["metrics.port=9000"], "0.0.0.0:9000"), (["bindAddress=[::]"], "[::]:9464"), (["metrics.enabled=false"], "")]:
            found = render(*TEST, *sets)
            self.assertEqual(tomllib.loads(config(found))["metrics"]["listen"], listen)
            ports = [p["name"] for p in server(found)[1]["ports"]]
            self.assertEqual("metrics" in ports, listen != "")

    def test_each_monitor_is_made_on_request(self):
        for sets, kind in [("serviceMonitor", "ServiceMonitor"), ("podMonitor", "PodMonitor"), ("prometheusRule", "PrometheusRule")]:
            found = render(*TEST, f"metrics.{sets}.enabled=true", f"metrics.{sets}.labels.release=prometheus")
            self.assertEqual(one(found, kind)["metadata"]["labels"]["release"], "prometheus")
            self.assertNotIn(kind, {o["kind"] for o in render(*TEST)})

    def test_the_service_monitor_finds_the_metrics_service_and_only_that(self):
        found = render(*TEST, "metrics.serviceMonitor.enabled=true")
        wanted = one(found, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
        fit = [o["metadata"]["name"] for o in found if o["kind"] == "Service" and wanted <= o["metadata"]["labels"].items()]
        self.assertEqual(fit, [f"{NAME}-metrics"])

    def test_the_dashboard_is_found_by_its_label(self):
        self.assertEqual(one(render(*TEST, "metrics.dashboard.enabled=true"), "ConfigMap", f"{NAME}-dashboard")["metadata"]["labels"]["grafana_dashboard"], "1")
        self.assertNotIn(f"ConfigMap/{NAME}-dashboard", kinds(render(*TEST)))


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
