//! A comparison as data: lengths in integer nanoseconds ending in `_ns`, a difference is always B less A.
//!
//! Guarantees: the differences of all rows add up to `difference_ns`; `share` is a part of it, absent when there is none.

use super::{Side, own_id};
use crate::{
    analyse::compare::{self, Against, Comparison},
    model::trace::{SegmentKind, Trace},
    query::view::Found,
    web::pages::go,
};
use axum::http::StatusCode;
use serde_json::{Value, json};

fn who(trace: &Trace) -> Value {
    let (id, scope) = own_id(trace);
    json!({
        "id": id, "scope": scope, "route": trace.route, "state": trace.state, "status": trace.status, "start": trace.start, "response_ns": trace.response_ns,
        "completion_ns": trace.completion_ns, "total_ns": trace.completion.total_ns, "models": trace.models, "prompt_versions": trace.prompt_versions,
        "config_versions": trace.config_versions,
    })
}

fn share(part_ns: i64, whole_ns: i64) -> Option<f64> {
    (whole_ns != 0).then(|| part_ns as f64 / whole_ns as f64)
}

fn side(side: Option<&compare::Side>, trace: &Trace) -> Value {
    let Some(side) = side else { return Value::Null };
    let step = side.step.and_then(|i| trace.spans.get(i)).map(|s| s.id.as_str());
    let by_kind: serde_json::Map<String, Value> = side.by_kind_ns.iter().map(|(kind, ns)| (kind.word().to_owned(), json!(ns))).collect();
    json!({ "operation": side.name, "steps": side.steps, "failed": side.failed, "path_ns": side.path_ns, "by_kind_ns": by_kind, "duration_ns": side.duration_ns, "step": step })
}

/// Two requests.
pub fn two(traces: [&Trace; 2], c: &Comparison, is_same: bool) -> Value {
    let whole_ns = c.difference_ns();
    let row = |r: &compare::Row| {
        json!({
            "stage": r.what.stage(), "kind": r.what.word(), "attempt": r.attempt, "a": side(r.a.as_ref(), traces[0]), "b": side(r.b.as_ref(), traces[1]),
            "difference_ns": r.difference_ns, "share": share(r.difference_ns, whole_ns),
        })
    };
    json!({
        "a": who(traces[0]), "b": who(traces[1]), "same_request": is_same, "difference_ns": whole_ns, "largest": c.largest,
        "rows": c.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

/// A request and the medians of its route.
pub fn usual(trace: &Trace, against: &Against) -> Value {
    let u = match against {
        Against::Nothing => return json!({ "a": who(trace), "b": null, "reason": "nothing is typical of it" }),
        Against::TooFew { n } => return json!({ "a": who(trace), "b": { "n": n }, "reason": "too few to compare" }),
        Against::Usual(u) => u,
    };
    // The row of a page says how the request stands to the median; here a difference is B less A, as everywhere in this form.
    let whole_ns = -u.difference_ns();
    let row = |r: &compare::UsualRow| {
        let (kind, p95_ns) = (r.kind.map_or("medians_do_not_add_up", |k| k.word()), r.kind.map(|_| r.p95_ns));
        json!({
            "stage": r.kind.and_then(SegmentKind::stage), "kind": kind, "a": { "path_ns": r.path_ns }, "b": { "p50_ns": r.p50_ns, "p95_ns": p95_ns },
            "difference_ns": -r.difference_ns, "share": share(-r.difference_ns, whole_ns),
        })
    };
    let b = json!({ "typical_of": trace.route, "n": u.typical.n, "p50_ns": u.typical.p50_ns, "p95_ns": u.typical.p95_ns });
    json!({ "a": who(trace), "b": b, "difference_ns": whole_ns, "largest": u.largest, "rows": u.rows.iter().map(row).collect::<Vec<_>>() })
}

/// What is to be put right first.
pub fn asked(sides: &[Side; 2]) -> (StatusCode, Value) {
    let is_unknown = sides.iter().any(|s| matches!(s, Side::Found(Found::Unknown(_))));
    let is_several = sides.iter().any(|s| matches!(s, Side::Found(Found::Choices { .. })));
    let status = match (is_unknown, is_several) {
        (true, _) => StatusCode::NOT_FOUND,
        (false, true) => StatusCode::MULTIPLE_CHOICES,
        (false, false) => StatusCode::BAD_REQUEST,
    };
    let one = |side: &Side| match side {
        Side::Absent => json!({ "error": "absent" }),
        Side::Typical => json!({ "error": "typical is what the other side is compared with" }),
        Side::Found(Found::Unknown(_)) => json!({ "error": "unknown" }),
        Side::Found(Found::Choices { choices, more }) => go::choices_json(choices, *more),
        Side::Found(Found::Path(path)) => who(&path.trace),
    };
    (status, json!({ "a": one(&sides[0]), "b": one(&sides[1]) }))
}
