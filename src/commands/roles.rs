//! `throughline roles`: every id field, its role, and the numbers that decided.
//!
//! Guarantees: the same decisions that paths are rebuilt with. Never changes one.

use crate::{
    commands::{Out, Style, safe},
    model::{format, profile::RoleDecision},
};
use anyhow::Result;

/// Prints decisions, most lines first.
pub fn run(out: &mut Out<'_>, mut decisions: Vec<RoleDecision>, json: bool) -> Result<()> {
    decisions.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| (&a.service, &a.label).cmp(&(&b.service, &b.label))));
    if json {
        for d in &decisions {
            serde_json::to_writer(&mut *out.to, d)?;
            out.line("")?;
        }
        return Ok(());
    }
    let head = out.styled(&format!("{:<18} {:<28} {:<9} {:>10} {:>10} {:>8}  why", "service", "field", "role", "lines", "values", "sampled"), Style::Strong);
    out.line(&head)?;
    for d in &decisions {
        let role = serde_json::to_value(d.kind).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        out.line(&format!(
            "{:<18} {:<28} {role:<9} {:>10} {:>10} {:>8}  {}",
            safe(&d.service),
            safe(&d.label),
            format::count(d.lines),
            format::count(d.distinct),
            d.sampled,
            d.why
        ))?;
    }
    Ok(())
}
