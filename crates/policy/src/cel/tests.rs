//! What expressions are worth.

use serde_json::{Value as Json, json};

use super::library::convert::display;
use super::validation::worth;
use super::value::Value;
use super::{CALL_LIMIT, Program, Scope};

fn object() -> Json {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "labels": {"app": "web"}, "annotations": {"a/b": "c"}},
        "spec": {
            "replicas": 3, "ratio": 1.5,
            "containers": [
                {"name": "a", "image": "nginx:1", "ports": [{"containerPort": 80}]},
                {"name": "b", "image": "ghcr.io/x/y:2"},
            ],
        },
    })
}

fn value(source: &str) -> Result<String, String> {
    let program = Program::compile(source, &Scope::default()).map_err(|error| error.to_string())?;
    let object = object();
    match worth(&program, &object, CALL_LIMIT).0 {
        Ok(Value::Optional(Some(value))) => Ok(format!("some({})", display(&value))),
        Ok(Value::Optional(None)) => Ok("none".to_owned()),
        Ok(value) => Ok(display(&value)),
        Err(fault) => Err(fault.to_string()),
    }
}

#[track_caller]
fn is(source: &str, expected: &str) {
    assert_eq!(value(source).as_deref(), Ok(expected), "{source}");
}

#[track_caller]
fn fails(source: &str, expected: &str) {
    let error = value(source).expect_err(source);
    assert!(error.contains(expected), "{source}: {error}");
}

#[track_caller]
fn holds(sources: &[&str]) {
    for source in sources {
        is(source, "true");
    }
}

#[test]
fn objects_are_read_where_they_lie() {
    is("object.metadata.name", "web");
    is("object['metadata']['name']", "web");
    is("object.spec.containers[1].image", "ghcr.io/x/y:2");
    is("size(object.spec.containers)", "2");
    is("type(object.spec.replicas) == int", "true");
    is("object.spec.ratio * 2.0", "3");
    fails("object.spec.nothing", "no such key: nothing");
    fails("object.metadata.name.more", "no such key: more");
    fails("object.spec.containers[7]", "index out of bounds: 7");
    fails("oldObject.spec", "no such attribute(s): oldObject");
}

#[test]
fn presence_asks_only_for_the_last_step() {
    is("has(object.spec.nothing)", "false");
    is("has(object.metadata.name.more)", "false");
    fails("has(object.nothing.more)", "no such key: nothing");
    is("object.?nothing.?more.orValue('x')", "x");
    is("object.?metadata.?name.orValue('x')", "web");
    is("object.spec.?containers[?9]", "none");
    is("object.?spec.replicas", "some(3)");
    is("optional.none().or(optional.of(1)).value()", "1");
    is("object.?spec.optMap(s, s.replicas + 1)", "some(4)");
    is("optional.ofNonZeroValue('').hasValue()", "false");
    is("{?'a': object.?nothing, 'b': 1}", "{b: 1}");
    is("[1, ?optional.none(), ?optional.of(2)]", "[1, 2]");
}

#[test]
fn logic_outlives_an_error_where_the_other_side_decides() {
    is("object.nothing == 1 || true", "true");
    is("true || object.nothing == 1", "true");
    is("object.nothing == 1 && false", "false");
    fails("object.nothing == 1 && true", "no such key: nothing");
    is("[1, 'a'].exists(x, x > 0)", "true");
    is("['a', 1].exists(x, x > 0)", "true");
    is("['a', -1].all(x, x > 0)", "false");
    fails("['a', 1].all(x, x > 0)", "no such overload");
    is("true ? 1 : object.nothing", "1");
}

#[test]
fn loops_visit_lists_and_keys() {
    is("object.spec.containers.map(c, c.name)", "[a, b]");
    is("object.spec.containers.map(c, has(c.ports), c.name)", "[a]");
    is(
        "object.spec.containers.filter(c, !has(c.ports))[0].name",
        "b",
    );
    is("object.metadata.labels.all(k, k == 'app')", "true");
    is("[1, 2, 3].exists_one(x, x > 2)", "true");
    is("[1, 2].map(x, [3, 4].map(y, x * y))", "[[3, 4], [6, 8]]");
    is("cel.bind(n, object.spec.replicas, n + n)", "6");
}

#[test]
fn loops_may_have_two_variables() {
    is("['a', 'b'].all(i, x, i >= 0 && x != '')", "true");
    is(
        "object.metadata.labels.exists(k, v, k == v + '' || v == 'web')",
        "true",
    );
    is("[5, 6].existsOne(i, x, i == 1 && x == 6)", "true");
    is("['a', 'b'].transformList(i, x, string(i) + x)", "[0a, 1b]");
    is("['a', 'b'].transformList(i, x, i > 0, x)", "[b]");
    is("{'a': 1}.transformMap(k, v, v + 1)", "{a: 2}");
    is("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v)", "{b: 2}");
    is("{'a': 'x'}.transformMapEntry(k, v, {v: k})", "{x: a}");
}

#[test]
fn numbers_compare_across_their_types_and_do_not_wrap() {
    holds(&[
        "1 == 1.0",
        "1u == 1",
        "2 > 1.5",
        "-1 < 1u",
        "7 / 2 == 3",
        "-7 % 2 == -1",
    ]);
    fails("1 / 0", "division by zero");
    fails("1 % 0", "modulus by zero");
    fails("9223372036854775807 + 1", "integer overflow");
    fails("1 + 1.0", "no such overload");
    fails("int('x')", "strconv.ParseInt");
    is("'1' == 1", "false");
    is(
        "string(1.0) + '|' + string(1e30) + '|' + string(0.00001)",
        "1|1e+30|1e-05",
    );
}

#[test]
fn strings_have_their_extension() {
    is("'a-b-c'.split('-')", "[a, b, c]");
    is("'a-b-c'.split('-', 2)", "[a, b-c]");
    is("['a', 'b'].join(', ')", "a, b");
    is("'Hi There'.lowerAscii().replace('hi', 'ho')", "ho there");
    is("'héllo'.substring(1, 3)", "él");
    is("'tacocat'.indexOf('c') + 'tacocat'.lastIndexOf('c')", "6");
    is("'  x '.trim().size()", "1");
    is("'abc'.charAt(1)", "b");
    is(
        "'%s has %d of %.1f%%'.format(['x', 3, 2.55])",
        "x has 3 of 2.5%",
    );
    is("'%s'.format([[1, 'a', {'k': true}]])", "[1, a, {k: true}]");
    is("'%x %X %o %b'.format([255, 'hi', 8, 5])", "ff 6869 10 101");
    is("strings.quote('a\"b')", "\"a\\\"b\"");
    is(
        "base64.encode(b'hello') + string(base64.decode('aGk='))",
        "aGVsbG8=hi",
    );
    is(
        "jsonpatch.escapeKey('k8s.io/my~label')",
        "k8s.io~1my~0label",
    );
    fails("'abc'.substring(5)", "index out of range: 5");
}

#[test]
fn patterns_find_and_match() {
    is("'abc 123'.find('[0-9]+')", "123");
    is("'1 a 2'.findAll('[0-9]')", "[1, 2]");
    is("'1 a 2'.findAll('[0-9]', 1)", "[1]");
    is("'nginx:1'.matches('^nginx:')", "true");
    is("['^a', '^b'].exists(p, 'abc'.matches(p))", "true");
    fails("'a'.matches('(')", "error parsing regexp");
    fails("'a'.matches(string('(') )", "error parsing regexp");
}

#[test]
fn lists_have_the_functions_of_kubernetes() {
    holds(&[
        "[1, 2, 3].isSorted()",
        "![2.0, 1.0].isSorted()",
        "[1, 3].sum() == 4",
        "[].sum() == 0",
        "[1, 3].min() == 1 && ['a', 'b'].max() == 'b'",
        "[1, 2, 2].indexOf(2) == 1 && [1, 2, 2].lastIndexOf(2) == 2 && [1].indexOf(5) == -1",
        "sets.contains([1, 2], [2]) && sets.equivalent([1, 1], [1]) && !sets.intersects([1], [2])",
        "[3, 1, 2].sort() == [1, 2, 3] && [1, 1].distinct() == [1]",
        "lists.range(3) == [0, 1, 2] && [1, 2, 3].slice(1, 2) == [2]",
        "[[1], [2]].flatten() == [1, 2] && [1, 2].reverse() == [2, 1]",
        "math.greatest(1, 3, 2) == 3 && math.least([4, 2]) == 2 && math.abs(-1) == 1",
    ]);
    fails("[].min()", "min called on empty list");
}

#[test]
fn quantities_are_exact() {
    holds(&[
        "isQuantity('1.3Gi') && !isQuantity('200K') && !isQuantity('Mi') && !isQuantity('1,3G')",
        "quantity('200M').compareTo(quantity('0.2G')) == 0",
        "quantity('50M').compareTo(quantity('50Mi')) == -1",
        "quantity('150Mi').isGreaterThan(quantity('100Mi'))",
        "quantity('100m').isLessThan(quantity('1'))",
        "quantity('50k').add(quantity('20k')) == quantity('70k')",
        "quantity('50k').sub(20000) == quantity('30k')",
        "quantity('50k').asInteger() == 50000 && quantity('50000000G').isInteger()",
        "!quantity('9999999999999999999999999999999999999G').isInteger()",
        "quantity('-1').sign() == -1 && quantity('0').sign() == 0",
        "quantity('12e6').asInteger() == 12000000 && quantity('1E').asApproximateFloat() == 1e18",
    ]);
    fails("quantity('200K')", "unable to parse quantity's suffix");
    fails(
        "quantity('Three')",
        "quantities must match the regular expression",
    );
    fails(
        "quantity('1m').asInteger()",
        "cannot convert value to integer",
    );
}

#[test]
fn addresses_and_networks_are_read_as_go_reads_them() {
    holds(&[
        "isIP('127.0.0.1') && isIP('::1') && !isIP('127.0.0.256') && !isIP('010.0.0.1')",
        "!isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0')",
        "ip('::1').family() == 6 && ip('10.0.0.1').family() == 4",
        "ip.isCanonical('2001:db8::abcd') && !ip.isCanonical('2001:DB8::ABCD')",
        "ip('224.0.0.1').isLinkLocalMulticast() && !ip('224.0.1.1').isLinkLocalMulticast()",
        "ip('169.254.169.254').isLinkLocalUnicast() && !ip('ff00::1').isGlobalUnicast()",
        "ip('192.168.0.1').isGlobalUnicast() && ip('::').isUnspecified()",
        "isCIDR('192.168.0.0/16') && !isCIDR('192.168.0.0/33') && !isCIDR('::1/129')",
        "cidr('192.168.0.0/24').containsIP('192.168.0.1')",
        "!cidr('192.168.0.0/24').containsIP(ip('192.168.1.1'))",
        "cidr('192.168.0.0/16').containsCIDR(cidr('192.168.10.0/24'))",
        "!cidr('192.168.10.0/24').containsCIDR('192.168.0.0/16')",
        "cidr('192.168.0.1/24').masked() == cidr('192.168.0.0/24')",
        "cidr('::1/128').ip().isLoopback() && cidr('::/0').prefixLength() == 0",
        "string(ip('::1')) == '::1' && string(cidr('10.0.0.0/8')) == '10.0.0.0/8'",
    ]);
    fails("ip(':::1')", "parse error during conversion from string");
}

#[test]
fn locators_are_read_as_go_reads_them() {
    holds(&[
        "isURL('https://user:pass@example.com:80/path?query=val#fragment')",
        "isURL('/absolute-path') && !isURL('https://a:b:c/') && !isURL('../relative-path')",
        "url('https://[::1]:80/').getHost() == '[::1]:80'",
        "url('https://[::1]:80/').getHostname() == '::1' && url('/p').getHostname() == ''",
        "url('https://example.com:443/').getPort() == '443'",
        "url('https://example.com').getEscapedPath() == ''",
        "url('https://example.com/path with spaces/').getEscapedPath() == '/path%20with%20spaces/'",
        "url('https://example.com/p?k1=a&k2=b&k2=c').getQuery() == {'k1': ['a'], 'k2': ['b', 'c']}",
        "url('HTTPS://example.com/').getScheme() == 'https' && url('/path').getScheme() == ''",
    ]);
}

#[test]
fn versions_compare_by_precedence() {
    holds(&[
        "isSemver('1.0.0') && !isSemver('v1.0') && isSemver('v1.0', true)",
        "semver('v01.01', true) == semver('1.1.0')",
        "semver('1.2.3').major() == 1 && semver('1.2.3').patch() == 3",
        "semver('1.2.3').compareTo(semver('2.0.0')) == -1",
        "semver('1.0.0-alpha').isLessThan(semver('1.0.0'))",
    ]);
}

#[test]
fn formats_say_what_is_wrong() {
    holds(&[
        "!format.dns1123Label().validate('my-name').hasValue()",
        "format.named('dns1123Label').value().validate('My').value()[0].contains('RFC 1123')",
        "!format.named('nothing').hasValue()",
        "!format.qualifiedName().validate('apiextensions.k8s.io/v1beta1').hasValue()",
        "!format.dns1123LabelPrefix().validate('my-label-prefix-').hasValue()",
        "format.uuid().validate('x').value() == ['does not match the UUID format']",
        "!format.date().validate('2021-01-01').hasValue()",
        "!format.datetime().validate('2021-01-01T00:00:00Z').hasValue()",
        "!format.byte().validate('aGVsbG8=').hasValue() && format.uri().validate('x').hasValue()",
        "!format.labelValue().validate('').hasValue()",
    ]);
}

#[test]
fn times_are_added_and_taken_apart() {
    holds(&[
        "duration('1h30m') == duration('90m')",
        "timestamp('2026-11-25T00:00:00Z') + duration('1h') < timestamp('2026-11-25T02:00:00Z')",
        "timestamp('2026-11-25T10:20:30Z').getFullYear() == 2026",
        "timestamp('2026-11-25T10:20:30Z').getMonth() == 10",
        "timestamp('2026-11-25T10:20:30Z').getHours('+02:00') == 12",
        "duration('1.5s').getMilliseconds() == 500 && string(duration('1.5s')) == '1.5s'",
    ]);
    fails("duration('1 day')", "invalid duration");
}

#[test]
fn what_is_not_known_is_said_where_it_stands() {
    fails("nothing > 1", "undeclared reference to 'nothing'");
    fails("object.foo('x')", "undeclared reference to 'foo'");
    fails("params.x", "undeclared reference to 'params'");
    fails("1 +", "Syntax error");
    fails("", "empty");
    fails("object.name.startsWith()", "no matching overload");
    let error = value("1 +\n  nothing").unwrap_err();
    assert!(error.starts_with("ERROR: <input>:2:3:"), "{error}");
    fails(
        "authorizer.group('').resource('pods').check('get').allowed()",
        "authorizer is not available",
    );
}

#[test]
fn a_loop_in_a_loop_in_a_loop_stops_at_its_cost() {
    let source = "lists.range(1000).all(a, lists.range(1000).all(b, lists.range(1000).all(c, a + b + c >= 0)))";
    fails(source, "actual cost limit exceeded");
    fails(
        "object.spec == object.spec && lists.range(100000).all(x, object == object)",
        "actual cost limit exceeded",
    );
    fails(
        "cel.bind(a, lists.range(100000).map(x, 'a').join(), a.replace('a', a))",
        "actual cost limit exceeded",
    );
    fails(
        "lists.range(2000000000).size() > 0",
        "actual cost limit exceeded",
    );
    // An error of the language is outlived, running out is not.
    fails(
        "lists.range(2000000000).size() > 0 || true",
        "actual cost limit exceeded",
    );
}

#[test]
fn what_is_too_large_or_too_deep_is_refused_before_it_runs() {
    fails(&"x".repeat(70_000), "more than the 65536");
    fails(&format!("object{}", ".a".repeat(5_900)), "nests deeper");
    fails(
        &format!("object{}", ".a".repeat(7_000)),
        "more than the 6000",
    );
    fails(&format!("{}1{}", "(".repeat(2_000), ")".repeat(2_000)), "");
    fails(&format!("1{}", "+1".repeat(5_000)), "nests deeper");
    let ternary = format!("{}1", "true ? 1 : ".repeat(3_000));
    assert!(value(&ternary).is_err());
}

#[test]
fn as_deep_as_it_may_be_fits_an_ordinary_stack() {
    let nested = (0..20).fold("1 == 1".to_owned(), |inner, _| {
        format!("[1].all(x, {inner})")
    });
    is(&nested, "true");
    let added = format!("1{} > 0", "+1".repeat(90));
    is(&added, "true");
}
