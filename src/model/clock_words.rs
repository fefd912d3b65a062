//! What is known of two clocks, as a sentence for people.
//!
//! Guarantees: says that clocks stand off only where their bounds exclude that they agree. It never judges anything itself.

use crate::model::{format, trace::Skew};

/// A queue whose every hand-over took at least so long may have a clock that is ahead.
const NEVER_FASTER_NS: i64 = 250_000_000;
/// From so many hand-overs on.
const MANY: u64 = 50;

/// One sentence on two clocks, and whether they are known to stand off; none when they may well agree and nothing was moved.
pub fn sentence(s: &Skew) -> Option<(String, bool)> {
    let hand_overs = format::counted(s.hand_overs, "hand-over", "hand-overs");
    let (host, against) = (&s.host, &s.against);
    let text = match (s.min_ns, s.max_ns) {
        (Some(min), Some(max)) if min > max => format!("the clocks of {host} and {against} do not keep one distance, so no shift makes {hand_overs} fit"),
        (Some(min), max) if min > 0 => format!("{host}'s clock is {} ahead of {against}'s, as {hand_overs} show", between(min, max)),
        (min, Some(max)) if max < 0 => {
            format!(
                "{host}'s clock is {} behind {against}'s: some of {hand_overs} would otherwise arrive before they were sent",
                between(max.saturating_neg(), min.map(i64::saturating_neg))
            )
        }
        _ if s.applied => format!("{host}'s times are shifted against {against}'s, as {hand_overs} allow"),
        (None, Some(max)) if max >= NEVER_FASTER_NS && s.hand_overs >= MANY => {
            let text = format!(
                "by these clocks nearly everything that reaches {host} from {against} takes about {} or more ({hand_overs}): a clock of {host} that is so much ahead would look the same",
                format::length(max)
            );
            return Some((text, false));
        }
        _ => return None,
    };
    let zone = s.min_ns.filter(|min| *min > 0).or(s.max_ns.filter(|max| *max < 0)).is_some_and(is_zone);
    let text = if zone { format!("{text}; that is about a whole number of quarter hours, as a time zone would be") } else { text };
    let applied = if s.applied { "; its times are shifted by the least that fits" } else { "; times are shown as written" };
    Some((format!("{text}{applied}"), true))
}

/// Near a whole number of quarter hours, and at least one of them.
fn is_zone(ns: i64) -> bool {
    const QUARTER_NS: i64 = 900_000_000_000;
    let rest = ns.rem_euclid(QUARTER_NS);
    ns.abs() > QUARTER_NS - 60_000_000_000 && !(60_000_000_000..=QUARTER_NS - 60_000_000_000).contains(&rest)
}

fn between(least: i64, most: Option<i64>) -> String {
    most.map_or_else(|| format!("at least {}", format::length(least)), |m| format!("{} to {}", format::length(least), format::length(m)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(min_ns: Option<i64>, max_ns: Option<i64>) -> Option<String> {
        super::sentence(&Skew { host: "worker".into(), against: "api".into(), min_ns, max_ns, hand_overs: 412, applied: false }).map(|(text, _)| text)
    }

    #[test]
    fn clocks_are_judged_only_when_their_bounds_exclude_zero() {
        const MS: i64 = 1_000_000;
        assert_eq!(sentence(Some(-MS), Some(MS)), None);
        assert_eq!(sentence(None, Some(5 * MS)), None);
        assert_eq!(
            sentence(None, Some(-1_690 * MS)).unwrap(),
            "worker's clock is at least 1.69 s behind api's: some of 412 hand-overs would otherwise arrive before they were sent; times are shown as written"
        );
        assert_eq!(sentence(Some(2 * MS), Some(9 * MS)).unwrap(), "worker's clock is 2 ms to 9 ms ahead of api's, as 412 hand-overs show; times are shown as written");
        assert_eq!(
            sentence(None, Some(1_700 * MS)).unwrap(),
            "by these clocks nearly everything that reaches worker from api takes about 1.70 s or more (412 hand-overs): a clock of worker that is so much ahead would look the same"
        );
        let zone = sentence(Some(3_599_000 * MS), None).unwrap();
        assert!(zone.contains("as a time zone would be"), "{zone}");
        assert!(sentence(Some(9 * MS), Some(2 * MS)).unwrap().contains("do not keep one distance"));
    }
}
