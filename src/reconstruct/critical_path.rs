//! The critical path of an interval: from its end backwards, the blocking child that ended last, and so on (`reconstruction.md` 5).
//!
//! Guarantees: the pieces are disjoint, ordered and cover `[start, end]` exactly, whatever the children look like. O(n log n) a level.
//! It never drops a child that outlives its parent: such a child is clamped here and belongs to the after-response part.
//!
//! ```text
//! root      |------------------------|
//!   a         |-----|
//!   b               |-------|
//!   path    r |a    |b      |r         |
//! ```

/// A node of the tree the path walks.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// Begin.
    pub start: i64,
    /// End.
    pub end: i64,
}

/// A piece: `[start, end)` is the own time of `owner`; `None` is the interval's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Index of the node, `None` for the frame itself.
    pub owner: Option<usize>,
    /// Begin.
    pub start: i64,
    /// End.
    pub end: i64,
}

/// Walks `[start, end]` of a frame whose children are `top`; `children(i)` are the blocking children of node `i`. `tolerance_ns(owner)`: among
/// the children of that owner an end that passes the cursor by at most this counts as equal to it.
pub fn walk(nodes: &[Node], top: &[usize], children: &dyn Fn(usize) -> Vec<usize>, start: i64, end: i64, tolerance_ns: &dyn Fn(Option<usize>) -> i64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if end > start {
        // Deep trees are walked with a stack of our own: log lines decide the depth.
        let mut stack = vec![Frame { owner: None, start, end, cursor: end, pending: sorted(nodes, top, start, end), overlapping: None }];
        while let Some(frame) = stack.last_mut() {
            let next = next_child(nodes, frame, tolerance_ns(frame.owner));
            if let Some((filler, from)) = filler(nodes, frame, next) {
                frame.pending.extend(next);
                let to = std::mem::replace(&mut frame.cursor, from);
                let kids = children(filler);
                stack.push(Frame { owner: Some(filler), start: from, end: to, cursor: to, pending: sorted(nodes, &kids, from, to), overlapping: None });
                continue;
            }
            let Some(next) = next else {
                let (owner, from, to) = (frame.owner, frame.start, frame.cursor);
                push(&mut pieces, owner, from, to);
                stack.pop();
                continue;
            };
            let (from, to) = (nodes[next].start.max(frame.start), nodes[next].end.min(frame.cursor));
            let (owner, cursor) = (frame.owner, frame.cursor);
            push(&mut pieces, owner, to, cursor);
            frame.cursor = from;
            if stack.len() > 512 {
                push(&mut pieces, Some(next), from, to);
                continue;
            }
            let kids = children(next);
            stack.push(Frame { owner: Some(next), start: from, end: to, cursor: to, pending: sorted(nodes, &kids, from, to), overlapping: None });
        }
    }
    pieces.reverse();
    pieces
}

struct Frame {
    owner: Option<usize>,
    start: i64,
    /// The clamp for children.
    end: i64,
    cursor: i64,
    /// Children by clamped end, the latest last.
    pending: Vec<usize>,
    /// Of the children passed over because they ended after what follows began, the one that began first: while any of them runs, it does.
    overlapping: Option<usize>,
}

fn sorted(nodes: &[Node], children: &[usize], start: i64, end: i64) -> Vec<usize> {
    let mut list: Vec<usize> = children.iter().copied().filter(|i| nodes[*i].end.min(end) > nodes[*i].start.max(start)).collect();
    list.sort_by_key(|i| (nodes[*i].end.min(end), std::cmp::Reverse(nodes[*i].start), std::cmp::Reverse(*i)));
    list
}

/// The child that ended last at or before the cursor. One that ended later overlaps what is already on the path: what follows began
/// before it ended, so nothing waited for it.
fn next_child(nodes: &[Node], frame: &mut Frame, tolerance_ns: i64) -> Option<usize> {
    while let Some(candidate) = frame.pending.pop() {
        let node = nodes[candidate];
        let begins_before = node.start.max(frame.start) < frame.cursor;
        let by = frame.cursor.saturating_add(tolerance_ns);
        let ended = node.end.min(frame.end) <= by && (node.end <= frame.cursor || !holds_a_third(nodes, frame));
        if begins_before && ended {
            return Some(candidate);
        }
        if begins_before {
            let earliest = frame.overlapping.into_iter().chain([candidate]).min_by_key(|i| (nodes[*i].start, *i));
            frame.overlapping = earliest;
        }
    }
    None
}

/// A child that lies wholly behind the cursor: what a candidate shares with what follows is then no slip of a clock. Those that end later than
/// the candidate were passed already.
fn holds_a_third(nodes: &[Node], frame: &Frame) -> bool {
    frame.pending.iter().rev().take_while(|i| nodes[**i].end > frame.cursor).any(|i| nodes[*i].start >= frame.cursor)
}

/// A frame without an owner vouches for nothing itself: where no child ended in time, one that was running takes the gap before the
/// cursor. The child and where its part begins.
fn filler(nodes: &[Node], frame: &Frame, next: Option<usize>) -> Option<(usize, i64)> {
    if frame.owner.is_some() {
        return None;
    }
    let gap_start = next.map_or(frame.start, |n| nodes[n].end.min(frame.end)).max(frame.start);
    let running = frame.overlapping.filter(|i| gap_start < frame.cursor && nodes[*i].start < frame.cursor)?;
    Some((running, nodes[running].start.max(gap_start)))
}

fn push(pieces: &mut Vec<Piece>, owner: Option<usize>, start: i64, end: i64) {
    if end > start {
        pieces.push(Piece { owner, start, end });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(nodes: &[(i64, i64)], parents: &[Option<usize>], start: i64, end: i64) -> Vec<(Option<usize>, i64, i64)> {
        let list: Vec<Node> = nodes.iter().map(|(s, e)| Node { start: *s, end: *e }).collect();
        let kids = |of: Option<usize>| (0..nodes.len()).filter(|i| parents[*i] == of).collect::<Vec<_>>();
        let top = kids(None);
        walk(&list, &top, &|i| kids(Some(i)), start, end, &|_| 0).into_iter().map(|p| (p.owner, p.start, p.end)).collect()
    }

    // r |----------------|   a and b one after the other
    // a   |---|
    // b        |----|
    #[test]
    fn sequential_children_leave_the_gaps_to_the_parent() {
        assert_eq!(path(&[(2, 6), (8, 12)], &[None, None], 0, 15), vec![(None, 0, 2), (Some(0), 2, 6), (None, 6, 8), (Some(1), 8, 12), (None, 12, 15)]);
    }

    // a   |------|
    // b     |--------|       b ends last; it began before a ended, so nothing waited for a
    #[test]
    fn of_parallel_children_the_last_to_end_is_followed() {
        assert_eq!(path(&[(0, 10), (1, 7), (3, 10)], &[None, Some(0), Some(0)], 0, 10), vec![(Some(0), 0, 3), (Some(2), 3, 10)]);
    }

    // a   |------|
    // b         |----|       a frame without an owner gives the time before b to a, which was running
    #[test]
    fn what_was_running_takes_the_gaps_of_a_frame_that_vouches_for_nothing() {
        assert_eq!(path(&[(0, 7), (6, 10)], &[None, None], 0, 10), vec![(Some(0), 0, 6), (Some(1), 6, 10)]);
        assert_eq!(path(&[(0, 7), (1, 3), (6, 10)], &[None, None, None], 0, 10), vec![(Some(0), 0, 1), (Some(1), 1, 3), (Some(0), 3, 6), (Some(2), 6, 10)]);
        // Inside an owner the time is its own.
        assert_eq!(path(&[(0, 10), (0, 7), (6, 10)], &[None, Some(0), Some(0)], 0, 10), vec![(Some(0), 0, 6), (Some(2), 6, 10)]);
    }

    // a   |--------------|   a covers b wholly: b is not on the path
    // b     |---|
    #[test]
    fn a_covered_sibling_is_not_on_the_path() {
        assert_eq!(path(&[(0, 10), (2, 5)], &[None, None], 0, 10), vec![(Some(0), 0, 10)]);
    }

    #[test]
    fn children_of_children_are_walked() {
        assert_eq!(path(&[(1, 9), (2, 4)], &[None, Some(0)], 0, 10), vec![(None, 0, 1), (Some(0), 1, 2), (Some(1), 2, 4), (Some(0), 4, 9), (None, 9, 10)]);
    }

    #[test]
    fn a_child_that_outlives_its_parent_is_clamped() {
        assert_eq!(path(&[(5, 50)], &[None], 0, 10), vec![(None, 0, 5), (Some(0), 5, 10)]);
    }

    proptest! {
        #[test]
        fn pieces_partition_the_interval(raw in prop::collection::vec((0i64..200, 0i64..100, 0usize..30), 0..30), end in 1i64..250) {
            let nodes: Vec<(i64, i64)> = raw.iter().map(|(s, d, _)| (*s, s + d)).collect();
            let parents: Vec<Option<usize>> = raw.iter().enumerate().map(|(i, (_, _, p))| if *p < i { Some(*p) } else { None }).collect();
            let pieces = path(&nodes, &parents, 0, end);
            let mut cursor = 0;
            for (_, s, e) in pieces {
                prop_assert_eq!(s, cursor);
                prop_assert!(e > s);
                cursor = e;
            }
            prop_assert_eq!(cursor, end);
        }
    }
}
