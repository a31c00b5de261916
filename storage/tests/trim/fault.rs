//! A trim may end at any of its steps: nothing is half there afterwards, and the next one comes to the end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use roadstead_storage::{Hook, Op, Origin, ScrubOptions};

use crate::common::{image, sha256};
use crate::lab::{HOUR, LAYER, Lab, index, layer, subject};

/// Lets one change of the disk fail.
#[derive(Default)]
struct Fault {
    /// How many more changes are made, the one that fails included; 0 when none fails any more.
    left: AtomicU64,
}

impl Hook for Fault {
    fn before(&self, _: &Op<'_>) -> io::Result<()> {
        let count = |left: u64| left.checked_sub(1);
        match self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count)
        {
            Ok(1) => Err(io::Error::other("on purpose")),
            _ => Ok(()),
        }
    }
}

/// An image with an index, a referrer and two tags, which is to go, beside one that is to stay.
async fn scene(fault: &Arc<Fault>) -> Lab {
    let lab = Lab::hooked(Arc::clone(fault) as Arc<dyn Hook>).await;
    let pulled = Origin::PulledThrough;
    let going = lab.bring("a", &["1"], &[1, 2], pulled).await;
    lab.put("a", &["2"], &index(&[going], ""), pulled).await;
    let referrer = image(b"", &[], &subject(going));
    lab.put("a", &[], &referrer, pulled).await;
    lab.bring("b", &["1"], &[2, 3, 4], Origin::Pushed).await;
    lab.later(24 * HOUR);
    lab
}

#[tokio::test]
async fn a_trim_that_fails_at_any_step_leaves_nothing_half_there() {
    let fault = Arc::new(Fault::default());
    let mut steps = 0;
    loop {
        steps += 1;
        let lab = scene(&fault).await;
        fault.left.store(steps, Ordering::Relaxed);
        let trimmed = lab.store().trim(Arc::default(), |_| {}).await;
        let is_past_the_end = fault.left.swap(0, Ordering::Relaxed) > 0;
        assert_eq!(
            trimmed.is_ok(),
            is_past_the_end,
            "step {steps}: {trimmed:?}"
        );
        let lab = lab.reopen().await;
        let scrubbed = lab
            .store()
            .scrub(ScrubOptions::default(), Arc::default(), |_| {});
        assert_eq!(scrubbed.await.expect("scrubs").defects, [], "step {steps}");
        // What was touched on its way to the trash is left alone for one grace.
        lab.later(2 * HOUR);
        lab.trim().await;
        assert_eq!((lab.manifests("a").await, lab.manifests("b").await), (0, 1));
        for byte in [2, 3, 4] {
            assert!(lab.has("b", byte).await, "step {steps}");
        }
        assert_eq!(lab.tags("a").await, [] as [&str; 0]);
        let blob = lab.it.root().join("blobs/sha256");
        let hex = sha256(&layer(1)).hex();
        assert!(!blob.join(&hex[..2]).join(&hex).exists(), "step {steps}");
        assert!(lab.used().await < 4 * LAYER as u64);
        if is_past_the_end {
            break;
        }
    }
    assert!(steps > 10, "{steps}");
}
