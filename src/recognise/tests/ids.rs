//! Ids as lines show them: whose they are, in which scope, and what only looks like one.

use super::{read, *};

/// Ids of a line by kind and relation.
pub(super) fn ids_of(line: &str) -> Vec<(IdKind, IdRelation, String)> {
    let mut found: Vec<_> = read(line).ids.iter().map(|i| (i.kind, i.relation, i.value.to_string())).collect();
    found.sort_by_key(|(_, _, value)| value.clone());
    found
}

#[test]
fn a_bare_id_beside_its_parent_in_a_trace_is_a_span() {
    use IdKind::{Other, Span, Trace};
    use IdRelation::{Own, Parent};
    let (trace, span, above) = ("0f6a3b1c9d2e4f50817263a4b5c6d7e8", "a1b2c3d4e5f60718", "b2c3d4e5f6071829");
    let tree = [(Trace, Own, trace.to_owned()), (Span, Own, span.to_owned()), (Span, Parent, above.to_owned())];
    for line in [
        format!(r#"{{"id":"{span}","traceId":"{trace}","startTime":"2026-11-23T08:25:00.112Z","parentObservationId":"{above}"}}"#),
        format!(r#"{{"parentId":"{above}","traceId":"{trace}","id":"{span}","timestamp":1795422300112000,"duration":3842}}"#),
        format!(r#"{{"id":"{span}","trace_id":"{trace}","parent_span_id":"{above}","name":"retrieve"}}"#),
    ] {
        assert_eq!(ids_of(&line), tree, "{line}");
    }
    let first = format!(r#"{{"id":"{span}","traceId":"{trace}","startTime":"2026-11-23T08:25:00.112Z","parentObservationId":null}}"#);
    assert_eq!(ids_of(&first), tree[..2]);
    // Without a begin or a length it may be a row, a post, a comment; and a line that names its span has one.
    let row = format!(r#"{{"id":"{span}","traceId":"{trace}","parentId":"{above}","msg":"saved"}}"#);
    assert_eq!(ids_of(&row)[1], (Other, Own, span.to_owned()));
    let named = format!(r#"{{"id":"{span}","span_id":"c3d4e5f607182930","traceId":"{trace}","parent_span_id":"{above}"}}"#);
    assert_eq!(ids_of(&named)[1], (Other, Own, span.to_owned()));
}

#[test]
fn a_bare_id_beside_method_path_and_status_is_the_request_s() {
    let request = |line: &str| ids_of(line).into_iter().filter(|(kind, ..)| *kind == IdKind::Request).map(|(_, _, value)| value).collect::<Vec<_>>();
    assert_eq!(request(r#"{"id":"hc-1","method":"GET","uri":"/health","status":204}"#), ["hc-1"]);
    assert_eq!(request(r#"{"data":{"id":"01J9ZC3KQ7","method":"GET","path":"/v1/x","status_code":200}}"#), ["01J9ZC3KQ7"]);
    // A row's number, the id of an entry around the request, a request that is named.
    assert_eq!(request(r#"{"id":"user-42","method":"GET","uri":"/users","status":200}"#), Vec::<String>::new());
    assert_eq!(request(r#"{"id":4711,"method":"GET","uri":"/health","status":204}"#), Vec::<String>::new());
    assert_eq!(request(r#"{"id":"e-1","request":{"method":"GET","path":"/x"},"status":200}"#), Vec::<String>::new());
    assert_eq!(request(r#"{"id":"e-1","request_id":"r-1","method":"GET","path":"/x","status":200}"#), ["r-1"]);
    assert_eq!(request(r#"{"id":"e-1","msg":"GET","path":"/x"}"#), Vec::<String>::new());
}

#[test]
fn a_weak_id_takes_the_queue_beside_it_as_its_scope() {
    let e = read(r#"{"msg":"mail handed over","job":"fup_01M83WT71CB1PCX6C2M4YJXV4S","mail":{"queue":"mail","id":"13"}}"#);
    let mail = &e.ids[1];
    assert_eq!((mail.kind, mail.relation, &*mail.value, mail.scope.as_deref()), (IdKind::Task, IdRelation::Child, "13", Some("queue=mail")));
    let e = read(r#"{"msg":"calling x","operation.id":"call_PTcSkYx5oOhqSQU94R4J4Z4j","task_id":"114","target_queue":"q-user"}"#);
    assert_eq!(e.ids.iter().find(|i| &*i.value == "114").and_then(|i| i.scope.as_deref()), Some("queue=q-user"));
    let e = read(r#"{"msg":"webhook scheduled","webhook_job":"4"}"#);
    assert_eq!((e.ids[0].relation, e.ids[0].scope.as_deref()), (IdRelation::Child, Some("queue=webhook")));
}

#[test]
fn lists_of_ids_are_marked_as_lists() {
    let e = read(
        r#"{"msg":"fanned out","message_id":"5a8125e4-f7b2-46c6-8c36-fed94ab13158","children":["5196b541-495c-41b4-ade6-050838068982","78674af5-a1d8-45bf-862f-aab362c3234c"]}"#,
    );
    assert_eq!(e.ids.iter().map(|i| (i.kind, i.listed)).collect::<Vec<_>>(), vec![(IdKind::Task, false), (IdKind::Task, true), (IdKind::Task, true)]);
}

#[test]
fn terms_are_canonical_and_weak_ones_carry_their_scope() {
    let e = read(r#"{"msg":"x","queue":"mail","job_id":"17","traceId":"04C87EC97BAE041B1B15B3C7676A43CC"}"#);
    let mut found = Vec::new();
    terms(&e, &mut |t| found.push(t));
    assert_eq!(found, vec!["17\u{1f}queue=mail".to_owned(), "04c87ec97bae041b1b15b3c7676a43cc".to_owned()]);
}

#[test]
fn a_path_names_the_thing_it_asks_about() {
    let e = read(r#"{"method":"GET","uri":"/jobs/0978a751-63fb-453a-8a02-24e5360da344?x=1","status":200}"#);
    assert_eq!(e.ids.iter().map(|i| (i.kind, &*i.label)).collect::<Vec<_>>(), vec![(IdKind::Task, "path")]);
    assert_eq!(e.http.map(|h| (h.path.map(String::from), h.access)), Some((Some("/jobs/0978a751-63fb-453a-8a02-24e5360da344".into()), true)));
}

#[test]
fn of_an_id_written_twice_the_last_one_counts() {
    let e = read(r#"{"msg":"x","request_id":"req_8c2a2787fedeb496aa","request_id":"req_9d3b3898fedeb496bb"}"#);
    assert_eq!(e.ids.iter().map(|i| &*i.value).collect::<Vec<_>>(), vec!["req_9d3b3898fedeb496bb"]);
    // Elements of a list are several things under one name.
    let e = read(r#"{"msg":"x","calls":[{"tool_call_id":"call_PTcSkYx5oOhqSQU94R4J4Z4j"},{"tool_call_id":"call_XnQ2Js8ib2R6659fbS3MiWoK"}]}"#);
    assert_eq!(e.ids.len(), 2);
}

#[test]
fn ids_beyond_doubles_keep_their_digits() {
    let e = read(r#"{"msg":"x","request_id":18446744073709551615}"#);
    assert_eq!(&*e.ids[0].value, "18446744073709551615");
}

#[test]
fn a_number_beside_the_name_of_a_job_s_type_is_the_type_s() {
    let task = |value: &str| (IdKind::Task, IdRelation::Own, value.to_owned());
    assert_eq!(
        ids_of(r#"{"msg":"x","meta":{"job":{"id":"5","job_queue_id":1,"task_id":2,"task_identifier":"send"}}}"#),
        [(IdKind::Group, IdRelation::Own, "1".to_owned()), task("5")]
    );
    assert_eq!(ids_of(r#"{"msg":"x","job":{"id":"5","run_id":"9"}}"#), [task("5"), task("9")]);
    let uuid = "16bf0f20-76ef-4abe-b695-5cbee0d3f2be";
    assert_eq!(ids_of(&format!(r#"{{"msg":"x","job":{{"id":"5","message_id":"{uuid}"}}}}"#)), [task(uuid), task("5")]);
    assert_eq!(ids_of(r#"{"msg":"x","task_id":2,"job_id":5}"#), [task("2"), task("5")]);
    assert_eq!(ids_of(r#"{"msg":"x","task":{"id":"5","job_id":9}}"#), [task("5"), task("9")]);
}

#[test]
fn beside_its_execution_a_workflow_is_what_is_executed() {
    let ids = ids_of(r#"{"msg":"x","metadata":{"executionId":"4812","jobId":"231","workflowId":"q7Xk2bVnPz0aTlRs"}}"#);
    let of = |kind: IdKind| ids.iter().filter(|id| id.0 == kind).map(|id| id.2.as_str()).collect::<Vec<_>>();
    assert_eq!((of(IdKind::Task), of(IdKind::Group)), (vec!["231", "4812"], vec!["q7Xk2bVnPz0aTlRs"]));
    assert_eq!(ids_of(r#"{"msg":"x","workflow_id":"wf-17"}"#).into_iter().map(|id| id.0).collect::<Vec<_>>(), [IdKind::Task]);
}

#[test]
fn the_message_of_a_model_is_its_answer_and_that_of_a_queue_is_work() {
    let kind = |line: &str| ids_of(line).into_iter().map(|id| id.0).collect::<Vec<_>>();
    assert_eq!(kind(r#"{"msg":"x","message":{"id":"msg_bdrk_017","usage":{"input_tokens":11,"output_tokens":1}}}"#), [IdKind::Call]);
    assert_eq!(kind(r#"{"msg":"x","message_id":"msg_bdrk_017","queue":"mail","input_tokens":11}"#), [IdKind::Task]);
    assert_eq!(kind(r#"{"msg":"x","message_id":"msg_bdrk_017"}"#), [IdKind::Task]);
}
