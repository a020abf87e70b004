//! Each sort of field, asked of small events.

use super::*;
use crate::{audit::Tape, field::Source};

fn ask(event: &str, name: &str, argument: Option<&str>) -> Vec<String> {
    let mut tape = Tape::default();
    let event = Event::read(event.as_bytes(), &mut tape).unwrap();
    let field = Source::K8sAudit.field(name).unwrap();
    let mut values = Vec::new();
    event.visit(field, argument, &mut |value| values.push(value.to_text()));
    values
}

const POD: &str = r#"{"auditID":"1","requestURI":"/x?command=a%20b+c&dry=1","user":{"username":"system:serviceaccount:ns:bot"},
      "objectRef":{"resource":"pods"},"responseObject":{"metadata":{"name":"web-x"}},
      "requestObject":{"metadata":{"generateName":"web-"},"spec":{"hostPID":true,"securityContext":{"runAsUser":7},
      "volumes":[{"name":"v","hostPath":{"path":"/etc"}},{"name":"s","secret":{"secretName":"k"}}],
      "tolerations":[{"operator":"Exists"}],
      "initContainers":[{"name":"i","image":"reg:5000/a/init@sha256:0"}],
      "containers":[{"name":"a","image":"reg:5000/app:1","command":["sh","-c"],"securityContext":{"privileged":true,
      "capabilities":{"add":["SYS_ADMIN","NET_RAW"]}},"ports":[{"hostPort":80},{"containerPort":81}]},
      {"name":"b","image":"nginx","securityContext":{"privileged":false,"runAsUser":0}}]}}}"#;

#[test]
fn containers_fan_out() {
    let of = |name| ask(POD, &format!("ka.req.pod.containers.{name}"), None);
    assert_eq!(of("image"), ["reg:5000/app:1", "nginx"]);
    assert_eq!(of("image.repository"), ["reg:5000/app", "nginx"]);
    assert_eq!(of("privileged"), ["true", "false"]);
    assert_eq!(of("add_capabilities"), ["SYS_ADMIN", "NET_RAW"]);
    assert_eq!(of("command"), ["sh -c"]);
    assert_eq!(of("host_port"), ["80", "81"]);
    assert_eq!(of("eff_run_as_user"), ["7", "0"]);
    assert_eq!(
        ask(POD, "ka.req.pod.containers.image", Some("1")),
        ["nginx"]
    );
    assert_eq!(
        ask(POD, "ka.req.pod.initContainers.image.repository", None),
        ["reg:5000/a/init"]
    );
    assert_eq!(
        ask(POD, "ka.req.podspec.containers.name", None),
        ["a", "b", "i"]
    );
    assert_eq!(
        ask(POD, "ka.req.podspec.containers.eff_run_as_user", None),
        ["7", "0", "7"]
    );
}

#[test]
fn the_rest_of_a_pod_is_found() {
    assert_eq!(ask(POD, "ka.req.pod.host_pid", None), ["true"]);
    assert_eq!(ask(POD, "ka.req.pod.volumes.hostpath", None), ["/etc"]);
    assert_eq!(
        ask(POD, "ka.req.pod.volumes.volume_type", None),
        ["hostPath", "secret"]
    );
    assert_eq!(ask(POD, "ka.req.volume.hostpath", Some("/e*")), ["true"]);
    assert_eq!(ask(POD, "ka.req.volume.hostpath", Some("/var")), ["false"]);
    assert_eq!(ask(POD, "ka.req.podspec.volumes.secret", None), ["k"]);
    assert_eq!(ask(POD, "ka.req.podspec.tolerations", None), ["*"]);
    assert_eq!(ask(POD, "ka.target.pod.name", None), ["web-x"]);
    assert_eq!(ask(POD, "ka.req.name", None), ["web-"]);
    assert_eq!(ask(POD, "ka.user.serviceaccount", None), ["ns:bot"]);
    assert_eq!(ask(POD, "ka.uri.param", Some("command")), ["a b c"]);
    assert_eq!(ask(POD, "ka.req.container.privileged", None), ["true"]);
    assert!(ask(POD, "ka.req.pod.host_ipc", None).is_empty());
}

#[test]
fn a_template_is_found_wherever_it_stands() {
    let spec = r#"{"hostNetwork":true,"containers":[{"image":"x"}]}"#;
    for body in [
        format!(r#"{{"spec":{{"template":{{"spec":{spec}}}}}}}"#),
        format!(r#"{{"spec":{{"jobTemplate":{{"spec":{{"template":{{"spec":{spec}}}}}}}}}}}"#),
        format!(r#"{{"template":{{"spec":{spec}}}}}"#),
        format!(r#"{{"spec":{spec}}}"#),
    ] {
        let event = format!(r#"{{"auditID":"1","requestObject":{body}}}"#);
        assert_eq!(
            ask(&event, "ka.req.podspec.containers.image", None),
            ["x"],
            "{body}"
        );
        assert_eq!(
            ask(&event, "ka.req.podspec.host_network", None),
            ["true"],
            "{body}"
        );
    }
}

#[test]
fn pointers_walk_lists_and_each() {
    assert_eq!(
        ask(
            POD,
            "jevt.value",
            Some("/requestObject/spec/containers/1/image")
        ),
        ["nginx"]
    );
    assert_eq!(
        ask(
            POD,
            "jevt.value",
            Some("/requestObject/spec/containers/*/name")
        ),
        ["a", "b"]
    );
    assert!(ask(POD, "jevt.value", Some("/requestObject/none/0")).is_empty());
    let event = r#"{"auditID":"1","annotations":{"a/b":"c"}}"#;
    assert_eq!(ask(event, "jevt.value", Some("/annotations/a~1b")), ["c"]);
    assert_eq!(ask(event, "jevt.obj", None), [event]);
}

#[test]
fn patches_bindings_and_webhooks_are_read() {
    let patch = r#"{"auditID":"1","requestObject":[{"op":"add","path":"/a","value":{"b":1}},{"op":"remove","path":"/c"}]}"#;
    assert_eq!(ask(patch, "ka.req.patch.ops", None), ["add", "remove"]);
    assert_eq!(ask(patch, "ka.req.patch.values", None), [r#"{"b":1}"#]);
    let binding = r#"{"auditID":"1","requestObject":{"roleRef":{"name":"r","kind":"Role"},"subjects":[
          {"kind":"User","name":"u"},{"kind":"ServiceAccount","name":"s","namespace":"n"},{"kind":"User"}]}}"#;
    assert_eq!(
        ask(binding, "ka.req.binding.subjects.user_names", None),
        ["u"]
    );
    assert_eq!(
        ask(
            binding,
            "ka.req.binding.subjects.serviceaccount_ns_names",
            None
        ),
        ["n:s"]
    );
    assert_eq!(ask(binding, "ka.req.binding.subjects", None).len(), 3);
    let hook = r#"{"auditID":"1","requestObject":{"webhooks":[{"clientConfig":{"url":"https://x"}},
          {"failurePolicy":"Ignore","clientConfig":{"service":{"name":"s","namespace":"n"}}}]}}"#;
    assert_eq!(ask(hook, "ka.req.webhook.urls", None), ["https://x"]);
    assert_eq!(ask(hook, "ka.req.webhook.services", None), ["n/s"]);
    assert_eq!(
        ask(hook, "ka.req.webhook.failure_policies", None),
        ["Ignore"]
    );
}

#[test]
fn json_is_searched_in_its_plain_form() {
    let written = r#"{"auditID":"1","requestObject": {"\u0070rivileged" : true,
        "args":["a \"b\" \\u0041","\u0022,\u005c\u0000\n", "\/x\u00e9\ud83d\ude00" ], "none":{ },"n":-1.5e3}}"#;
    let plain = r#"{"privileged":true,"args":["a \"b\" \\u0041","\",\\\u0000\n","/xé😀"],"none":{},"n":-1.5e3}"#;
    let whole = ask(written, "jevt.value", Some("/requestObject"));
    assert_eq!(whole, [plain]);
    let again = format!(r#"{{"auditID":"1","requestObject":{plain}}}"#);
    // The zero has no shorter form, so it is written once more, as it was.
    assert_eq!(ask(&again, "jevt.value", Some("/requestObject")), [plain]);
}

#[test]
fn names_in_a_certificate_request_are_found() {
    let mut der = vec![0x30, 0x20, 6, 3, 0x55, 4, 10, 0x0c, 14];
    der.extend(b"system:masters");
    der.extend([6, 3, 0x55, 4, 3, 0x13, 4]);
    der.extend(b"root");
    let pem = format!(
        "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
        STANDARD.encode(der)
    );
    let event = format!(
        r#"{{"auditID":"1","requestObject":{{"spec":{{"request":"{}"}}}}}}"#,
        STANDARD.encode(pem)
    );
    assert_eq!(ask(&event, "ka.req.csr.username", None), ["root"]);
    assert_eq!(ask(&event, "ka.req.csr.groups", None), ["system:masters"]);
}

#[test]
fn every_field_of_the_vocabulary_is_extracted() {
    for field in Source::K8sAudit.fields() {
        let extractor = Extractor::new(field.name, Some("1"));
        let is_known = field.name == "evt.hostname";
        assert!(
            is_known || !matches!(extractor, Extractor::Nothing),
            "{} is in the table but nobody reads it",
            field.name
        );
    }
}
