"""What holds for every object of every mode in ci/."""

import copy
import functools
import hashlib
import json
import re
import unittest

import crds
import jsonschema
import kubernetes_validate
import yaml
from chart import CHART, MODES, NEWEST, OLDEST, SOURCE, config, helm, notes, pods, render

kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)  # Megabytes each.


def invalid(made, version):
    """What is wrong with an object for this Kubernetes, or None."""
    try:
        if not crds.check(made):
            kubernetes_validate.validate(made, version, strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return f"{made['kind']} {made['metadata']['name']}: {error.message}"
    return None


def unrestricted(spec):
    """What Pod Security `restricted` would refuse of a pod. https://kubernetes.io/docs/concepts/security/pod-security-standards"""
    pod = spec.get("securityContext", {})
    wrong = [key for key in ["hostNetwork", "hostPID", "hostIPC"] if spec.get(key)]
    if pod.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        wrong.append("seccompProfile")
    kinds = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
    wrong += [f"volume {v['name']}" for v in spec.get("volumes", []) if not kinds & set(v)]
    for container in spec.get("initContainers", []) + spec["containers"]:
        own = container.get("securityContext", {})
        bad = {
            "runAsNonRoot": not own.get("runAsNonRoot", pod.get("runAsNonRoot")),
            "runAsUser": 0 in (own.get("runAsUser"), pod.get("runAsUser")),
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is not False,
            "privileged": own.get("privileged", False),
            "capabilities": own.get("capabilities") != {"drop": ["ALL"]},
            "hostPort": any("hostPort" in port for port in container.get("ports", [])),
            "procMount": "procMount" in own,
        }
        wrong += [f"{container['name']}: {key}" for key, is_bad in bad.items() if is_bad]
    return wrong


class EveryMode(unittest.TestCase):
    def each(self):
        self.assertEqual(len(MODES), 5)
        for file in MODES:
            yield file, render(file=file)

    def test_the_linter_has_nothing_to_say(self):
        for file in MODES:
            out = helm("lint", "--strict", CHART, "--values", file)
            self.assertEqual([line for line in out.splitlines() if line.startswith(("[WARN", "[ERR"))], [], file.name)

    def test_every_object_is_valid_for_the_oldest_and_the_newest_kubernetes(self):
        for file in MODES:
            for version in [OLDEST, NEWEST]:
                found = render(file=file, version=version)
                self.assertGreaterEqual(len(found), 4)
                self.assertEqual([w for w in (invalid(o, version) for o in found) if w], [], f"{file.name} {version}")

    def test_the_oldest_kubernetes_is_the_one_that_the_chart_demands(self):
        self.assertEqual(yaml.safe_load((SOURCE / "Chart.yaml").read_text())["kubeVersion"], f">={OLDEST}.0-0")
        self.assertEqual(kubernetes_validate.latest_version().rsplit(".", 1)[0], NEWEST)

    def test_no_two_objects_have_one_name(self):
        for _, found in self.each():
            names = [(o["apiVersion"], o["kind"], o["metadata"]["name"]) for o in found]
            self.assertEqual(len(names), len(set(names)))

    def test_every_pod_passes_pod_security_restricted_and_has_no_token_of_its_own(self):
        for _, found in self.each():
            seen = list(pods(found))
            self.assertGreaterEqual(len(seen), 2)
            for name, _, spec in seen:
                self.assertEqual(unrestricted(spec), [], name)
                self.assertIs(spec["automountServiceAccountToken"], False, name)
                self.assertIs(spec["enableServiceLinks"], False, name)
                for container in spec.get("initContainers", []) + spec["containers"]:
                    self.assertIs(container["securityContext"]["readOnlyRootFilesystem"], True, name)
                    self.assertTrue(container["resources"]["limits"]["memory"], name)
            for account in (o for o in found if o["kind"] == "ServiceAccount"):
                self.assertIs(account["automountServiceAccountToken"], False)

    def test_only_the_services_own_image_runs_and_the_one_that_is_named_for_copies(self):
        for file, found in self.each():
            values = yaml.safe_load(file.read_text())
            copies = values["database"].get("sqlite", {}).get("backup", {}).get("image")
            for name, _, spec in pods(found):
                for container in spec.get("initContainers", []) + spec["containers"]:
                    if name.endswith("-backup"):
                        self.assertEqual(container["image"], copies)
                    else:
                        self.assertEqual(re.split("[:@]", container["image"])[0], values["image"]["repository"], name)

    def test_nobody_is_given_rights_and_no_secret_is_made(self):
        for _, found in self.each():
            made = {o["kind"] for o in found}
            self.assertEqual(made & {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Secret"}, set())

    def test_nothing_is_looked_up_or_drawn_at_random(self):
        for template in sorted((SOURCE / "templates").rglob("*.*")):
            text = template.read_text()
            bad = re.findall(r"\b(lookup|rand\w+|genCA|gen\w+Cert|genPrivateKey|uuidv4|now|htpasswd|bcrypt|derivePassword)\b", code(text))
            self.assertEqual(bad, [], template.name)
        for file in MODES:
            template = ["template", "shop", CHART, "--values", file, "--kube-version", NEWEST]
            self.assertEqual(helm(*template), helm(*template), file.name)

    def test_secrets_come_from_secrets_and_stand_nowhere_else(self):
        secret = re.compile(r"page_keys|documents|erasure|api_key|password|postgres://")
        for file, found in self.each():
            self.assertIsNone(secret.search(config(found)), file.name)
            for _, _, spec in pods(found):
                for container in spec.get("initContainers", []) + spec["containers"]:
                    for variable in container.get("env", []):
                        public = variable.get("value", "").startswith("sqlite:") or variable.get("value") == "sandbox"
                        if re.search(r"KEY|PASSWORD|DATABASE_URL", variable["name"]) and not public:
                            self.assertEqual(list(variable["valueFrom"]), ["secretKeyRef"], variable["name"])

    def test_every_port_and_selector_leads_to_the_server_or_the_sandbox(self):
        for _, found in self.each():
            for service in (o for o in found if o["kind"] == "Service"):
                fit = [
                    {port["name"] for container in spec["containers"] for port in container.get("ports", [])}
                    for _, meta, spec in pods(found)
                    if service["spec"]["selector"].items() <= meta["labels"].items()
                ]
                self.assertEqual(len(fit), 1, service["metadata"]["name"])
                for port in service["spec"]["ports"]:
                    self.assertIn(port["targetPort"], fit[0])
                    self.assertIn("appProtocol", port)

    def test_every_volume_that_is_mounted_exists_and_no_folder_stands_in_another(self):
        for _, found in self.each():
            for name, _, spec in pods(found):
                volumes = {v["name"] for v in spec.get("volumes", [])}
                for container in spec.get("initContainers", []) + spec["containers"]:
                    mounts = container.get("volumeMounts", [])
                    self.assertLessEqual({m["name"] for m in mounts}, volumes, name)
                    paths = [m["mountPath"] + "/" for m in mounts]
                    self.assertEqual([(a, b) for a in paths for b in paths if a != b and a.startswith(b)], [], name)

    def test_the_notes_show_commands_and_no_secret(self):
        for file in MODES:
            said = notes(file=file)
            for part in ["partner add", "token issue", 'grpcurl -', "LookupTaxpayer", "helm test shop"]:
                self.assertIn(part, said, file.name)
            self.assertIsNone(re.search(r"base64 -d|get secret|secretKeyRef|postgres://|lbp_(live|test)_", said), file.name)


class Custom(unittest.TestCase):
    """Resources that others define."""

    def rendered(self):
        found = (one for file in MODES for one in render(file=file))
        return [one for one in found if (one["apiVersion"], one["kind"]) in crds.definitions("oldest")]

    def test_each_that_is_defined_here_is_rendered_by_a_mode(self):
        kinds = {(one["apiVersion"], one["kind"]) for one in self.rendered()}
        for age in crds.AGES:
            self.assertLessEqual(kinds, set(crds.definitions(age)))
            self.assertEqual({kind for _, kind in kinds}, {kind for _, kind in crds.definitions(age)})

    def test_a_field_that_nobody_defined_and_a_value_of_another_kind_are_errors(self):
        for one in self.rendered():
            self.assertIsNone(invalid(one, NEWEST))
            for part in [one, one["metadata"], one["spec"], *one["spec"].get("endpoints", []), *one["spec"].get("rules", [])]:
                part["strange"] = 1
                self.assertIn("strange", invalid(one, NEWEST))
                del part["strange"]
            wrong = copy.deepcopy(one)
            wrong["spec"] = {key: 1 for key in one["spec"]}
            self.assertIn("is not of type", invalid(wrong, NEWEST))
            self.assertIsNotNone(invalid({**one, "apiVersion": one["apiVersion"] + "x"}, NEWEST))

    def test_definitions_are_as_they_were_fetched(self):
        sums = dict(reversed(line.split()) for line in (crds.FOLDER / "SHA256SUMS").read_text().splitlines())
        files = {str(file.relative_to(crds.FOLDER)): hashlib.sha256(file.read_bytes()).hexdigest() for file in crds.FOLDER.glob("*/*")}
        self.assertEqual(files, sums)


class Schema(unittest.TestCase):
    """Objects that Kubernetes defines, and maps of names, are left open; everything else is closed."""

    OPEN = {"global", "affinity", "tolerations", "extraVolumes", "extraVolumeMounts", "extraObjects", "valueFrom", "metrics", "parentRefs"}
    OPEN |= {"ingressFrom", "metricsFrom", "egress", "dns", "behavior", "relabelings", "metricRelabelings"}

    def walk(self, schema, path):
        kind = schema.get("type")
        if (kind == "object" or isinstance(kind, list) and "object" in kind) and "$ref" not in schema:
            more = schema.get("additionalProperties")
            named = [part for part in path if part != "items"][-1]
            self.assertTrue(more is False or more == {"type": "string"} or named in self.OPEN, ".".join(path))
        for key, inner in {**schema.get("properties", {}), **schema.get("definitions", {})}.items():
            self.walk(inner, [*path, key])
        if "items" in schema:
            self.walk(schema["items"], [*path, "items"])

    def test_it_is_closed_and_needs_no_network(self):
        text = (SOURCE / "values.schema.json").read_text()
        schema = json.loads(text)
        self.walk(schema, ["values"])
        refs = re.findall(r'"\$ref": "([^"]*)"', text)
        self.assertTrue(refs and all(ref.startswith("#/definitions/") for ref in refs), refs)
        jsonschema.Draft7Validator.check_schema(schema)


def code(text):
    """What stands between braces, without comments and texts."""
    parts = re.findall(r"\{\{-?(.*?)-?\}\}", re.sub(r"\{\{-?\s*/\*.*?\*/\s*-?\}\}", "", text, flags=re.S), flags=re.S)
    return "\n".join(re.sub(r'"(?:[^"\\]|\\.)*"', "", part) for part in parts)


if __name__ == "__main__":
    unittest.main()
