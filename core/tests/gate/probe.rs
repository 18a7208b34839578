use std::time::Instant;
use regard_core::gate;
use regard_core::record::{Document, Projection};
use super::{contact, fixtures::heavy};

#[test]
fn probe() {
    let n: usize = std::env::var("N").ok().and_then(|n| n.parse().ok()).unwrap_or(1000);
    let heads: Vec<_> = contact().heads().into_iter().map(|head| head.0).collect();
    for (name, draft) in heavy::all(&heads, n) {
        let bytes = draft.chunk();
        let mut document = contact();
        let begun = Instant::now();
        let mut verdict = None;
        let mut checked = None;
        let info = allocation_counter::measure(|| {
            checked = Some(gate::check(&bytes));
        });
        let t0 = begun.elapsed();
        let begun = Instant::now();
        let info2 = allocation_counter::measure(|| {
            if let Some(Ok(c)) = &checked { verdict = gate::apply(&mut document, std::slice::from_ref(c)).pop(); }
        });
        let t1 = begun.elapsed();
        let begun = Instant::now();
        let info3 = allocation_counter::measure(|| { let _ = Projection::of(&document); });
        let t2 = begun.elapsed();
        let begun = Instant::now();
        let ok = Document::load(&document.save()).is_ok();
        let t3 = begun.elapsed();
        let v = match checked { Some(Err(e)) => format!("check: {e}"), _ => format!("{verdict:?}") };
        println!("{name:40} {:7} B check {t0:?} {}k apply {t1:?} {}k proj {t2:?} {}k saveload {t3:?} {ok} {}", bytes.len(), info.bytes_max/1000, info2.bytes_max/1000, info3.bytes_max/1000, &v[..v.len().min(160)]);
    }
}
