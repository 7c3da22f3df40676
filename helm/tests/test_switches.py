"""What the other switches of the values do."""

import json
import tomllib
import unittest

from chart import LIVE, NAME, TEST, config, kinds, one, render, server


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

    def test_live_mode_encrypts_the_way_to_postgresql_unless_told(self):
        chosen = ["database.postgresql.sslMode=verify-full"]
        pg = [one for one in TEST if not one.startswith("database.")] + ["database.kind=postgresql", "secrets.databaseUrl.existingSecret=s"]
        for sets, mode in [(LIVE, "require"), ([*LIVE, *chosen], "verify-full"), (pg, None), ([*pg, *chosen], "verify-full"), ([*TEST, *chosen], None)]:
            spec, container = server(render(*sets))
            for each in [container, *spec["initContainers"]]:
                self.assertEqual([e["value"] for e in each["env"] if e["name"] == "PGSSLMODE"], [mode] if mode else [], each["name"])


class Scale(unittest.TestCase):
    def test_where_several_pods_may_run_there_is_a_disruption_budget_and_where_one_runs_none(self):
        scaled = ["autoscaling.enabled=true", "autoscaling.minReplicas=1"]
        for sets, has in [([], True), (["replicas=1"], False), (["podDisruptionBudget.enabled=false"], False), (["autoscaling.enabled=true"], True),
                          (scaled, True), ([*scaled, "replicas=1"], True), ([*scaled, "autoscaling.maxReplicas=1"], False)]:  # fmt: skip
            self.assertEqual("PodDisruptionBudget" in {o["kind"] for o in render(*LIVE, *sets)}, has, sets)
        self.assertNotIn("PodDisruptionBudget", {o["kind"] for o in render(*TEST)})

    def test_the_disruption_budget_lets_one_pod_go_even_if_it_is_the_only_one(self):
        spec = one(render(*LIVE, "autoscaling.enabled=true", "autoscaling.minReplicas=1"), "PodDisruptionBudget")["spec"]
        self.assertEqual((spec["maxUnavailable"], spec.get("minAvailable")), (1, None))

    def test_the_autoscaler_owns_the_number_of_pods(self):
        found = render(*LIVE, "autoscaling.enabled=true", "autoscaling.maxReplicas=4", 'autoscaling.metrics:=[{"type":"Pods"}]')
        self.assertNotIn("replicas", one(found, "Deployment")["spec"])
        spec = one(found, "HorizontalPodAutoscaler")["spec"]
        self.assertEqual((spec["minReplicas"], spec["maxReplicas"], len(spec["metrics"])), (2, 4, 2))
        self.assertEqual(spec["scaleTargetRef"]["name"], NAME)
        self.assertNotIn("behavior", spec)

    def test_the_autoscaler_is_as_fast_as_it_is_told(self):
        behavior = {"scaleDown": {"stabilizationWindowSeconds": 600, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}}
        found = render(*LIVE, "autoscaling.enabled=true", f"autoscaling.behavior:={json.dumps(behavior)}")
        self.assertEqual(one(found, "HorizontalPodAutoscaler")["spec"]["behavior"], behavior)


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

    def test_each_monitor_reads_as_it_is_told_and_else_as_prometheus_does(self):
        more = {"scrapeTimeout": "5s", "relabelings": [{"targetLabel": "node"}], "metricRelabelings": [{"action": "labeldrop", "regex": "a"}]}
        for monitor, kind, places in [("serviceMonitor", "ServiceMonitor", "endpoints"), ("podMonitor", "PodMonitor", "podMetricsEndpoints")]:
            sets = [f"metrics.{monitor}.enabled=true", f"metrics.{monitor}.interval=15s"]
            plain = {"port": "metrics", "path": "/metrics", "interval": "15s"}
            self.assertEqual(one(render(*TEST, *sets), kind)["spec"][places], [plain])
            sets += [f"metrics.{monitor}.{key}:={json.dumps(value)}" for key, value in more.items()]
            self.assertEqual(one(render(*TEST, *sets), kind)["spec"][places], [{**plain, **more}])

    def test_the_service_monitor_finds_the_metrics_service_and_only_that(self):
        found = render(*TEST, "metrics.serviceMonitor.enabled=true")
        wanted = one(found, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
        fit = [o["metadata"]["name"] for o in found if o["kind"] == "Service" and wanted <= o["metadata"]["labels"].items()]
        self.assertEqual(fit, [f"{NAME}-metrics"])

    def test_the_dashboard_is_found_by_its_label(self):
        self.assertEqual(one(render(*TEST, "metrics.dashboard.enabled=true"), "ConfigMap", f"{NAME}-dashboard")["metadata"]["labels"]["grafana_dashboard"], "1")
        self.assertNotIn(f"ConfigMap/{NAME}-dashboard", kinds(render(*TEST)))


if __name__ == "__main__":
    unittest.main()
