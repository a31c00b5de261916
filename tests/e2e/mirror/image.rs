//! `mirror image`: what is copied, where it goes, and what is told of it.

use harness::{Anonymous, Fault, Format, Image, Manifest, Registry, Subject, Upstream, index_of};

use super::{document, registry, states, tag};

#[test]
fn an_image_lies_under_the_name_of_its_registry_with_a_server_and_without() {
    let upstream = Upstream::start();
    let (one, two) = (
        Image::new(Format::Oci, "1"),
        Image::new(Format::Docker, "2"),
    );
    upstream.put("team/app", "1", &one);
    upstream.put("team/app", "2", &two);
    let mut registry = registry(&upstream, "");
    let told = registry.command(&["mirror", "image", "up.example/team/app:1"], "");
    assert_eq!(told.stderr, "copied up.example/team/app:1\n");
    assert!(told.ok().starts_with("1 image: copied 1"));
    registry.stop();
    let report = document(&registry, &["image", "up.example/team/app:2"], 0);
    assert_eq!(report["result"], "done");
    assert_eq!(report["images"][0]["digest"], two.digest().as_str());
    assert_eq!(report["images"][0]["destination"], "up.example/team/app:2");
    registry.start_again();
    let client = registry.plain();
    assert_eq!(tag(&client, "up.example/team/app", "1"), Some(one.digest()));
    assert_eq!(tag(&client, "up.example/team/app", "2"), Some(two.digest()));
    registry.finish().no_uploads();
}

#[test]
fn a_registry_that_nothing_is_configured_of_is_asked_by_https() {
    let registry = Registry::open();
    let report = document(&registry, &["image", "127.0.0.1:1/team/app:1"], 1);
    let because = report["images"][0]["because"].as_str().unwrap();
    assert!(because.contains("https://127.0.0.1:1/"), "{because}");
    registry.finish();
}

#[test]
fn a_destination_may_be_written_with_our_own_address() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a", "1", &image);
    let registry = registry(&upstream, "");
    let ours = format!("{}/mine/b", registry.host());
    for to in ["mine/a", "mine/a:2", &ours] {
        registry
            .command(&["mirror", "image", "up.example/a:1", to], "")
            .ok();
    }
    let client = registry.plain();
    for (repository, name) in [("mine/a", "1"), ("mine/a", "2"), ("mine/b", "1")] {
        assert_eq!(tag(&client, repository, name), Some(image.digest()));
    }
    assert_eq!(tag(&client, "up.example/a", "1"), None);
    registry.finish().no_uploads();
}

#[test]
fn what_cannot_be_meant_is_wrong_usage_and_nobody_is_asked() {
    let upstream = Upstream::start();
    let registry = registry(&upstream, "");
    let ours = format!("{}/a:1", registry.host());
    let check = |words: &[&str], because: &str| {
        let words = [&["mirror", "image"], words].concat();
        let told = registry.command(&words, "").fails(64);
        assert!(told.contains(because), "{told}");
    };
    check(&[], "SRC");
    check(&["nginx"], "docker.io/library/nginx");
    check(
        &["up.example/a", "up.example/b", "mine"],
        "several repositories",
    );
    check(
        &["up.example/a:1", "up.example/a:2", "mine:1"],
        "several images",
    );
    check(&["up.example/a:1.*", "mine:1"], "several images");
    check(&[&ours], "in this registry already");
    check(&["up.example/a", "--platform", "amd64"], "not OS/ARCH");
    assert_eq!(upstream.asked().len(), 0);
    registry.finish();
}

#[test]
fn a_dry_run_says_what_it_would_take_and_takes_nothing() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a", "1", &image);
    let registry = registry(&upstream, "");
    let plan = document(&registry, &["image", "up.example/a:1", "--dry-run"], 0);
    let bytes = image.config.len() + image.layers[0].len();
    assert_eq!(plan["dryRun"], true);
    assert_eq!(plan["images"][0]["state"], "new");
    assert_eq!(plan["totals"]["bytesToFetch"], bytes);
    let is_blob = |subject: Subject<'_>| matches!(subject, Subject::Blob(..));
    assert_eq!(upstream.count(|asked| is_blob(asked.subject())), 0);
    assert_eq!(registry.admin().catalog(), Vec::<String>::new());
    let truth = registry.finish().no_uploads();
    assert_eq!(truth.size(), 0);
}

#[test]
fn what_fails_is_named_and_the_rest_is_copied() {
    let upstream = Upstream::start();
    let (good, bad) = (
        Image::new(Format::Oci, "good"),
        Image::new(Format::Oci, "bad"),
    );
    upstream.put("a", "good", &good);
    upstream.put_blob("a", &bad.config);
    upstream.put_manifest("a", "bad", &bad.manifest);
    let registry = registry(&upstream, "");
    let words = [
        "image",
        "up.example/a:good",
        "up.example/a:bad",
        "up.example/a:none",
    ];
    let report = document(&registry, &words, 2);
    assert_eq!(report["result"], "partly");
    let expected = [("bad", "failed"), ("good", "new"), ("none", "failed")];
    let expected = expected.map(|(name, state)| (format!("up.example/a:{name}"), state.to_owned()));
    assert_eq!(states(&report), expected);
    let told = registry.command(&["mirror", "image", "up.example/a:bad"], "");
    assert!(told.stdout.contains("failed up.example/a:bad: "), "{told}");
    assert!(told.fails(1).contains("hint: "));
    let client = registry.plain();
    assert_eq!(tag(&client, "up.example/a", "good"), Some(good.digest()));
    assert_eq!(tag(&client, "up.example/a", "bad"), None);
    registry.finish().no_uploads();
}

#[test]
fn what_is_not_there_may_be_passed_over() {
    let upstream = Upstream::start();
    upstream.put("a", "1", &Image::new(Format::Oci, "x"));
    let registry = registry(&upstream, "");
    let words = [
        "image",
        "up.example/a:1",
        "up.example/a:2",
        "--skip-missing",
    ];
    let report = document(&registry, &words, 0);
    assert_eq!(report["totals"]["skipped"], 1);
    assert_eq!(report["totals"]["copied"], 1);
    registry.finish().no_uploads();
}

#[test]
fn a_list_has_a_destination_on_each_line() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    for name in ["1.0", "1.5", "2.0"] {
        upstream.put("a", name, &image);
    }
    let registry = registry(&upstream, "");
    let text = "# what we need\nup.example/a:2.0\n\nup.example/a:>=1.2 <2 mine/a # ours\n";
    let list = registry.scratch().file("list", text);
    let list = list.to_str().unwrap();
    registry.command(&["mirror", "image", "-f", list], "").ok();
    let client = registry.plain();
    assert_eq!(client.tags("up.example/a"), ["2.0"]);
    assert_eq!(client.tags("mine/a"), ["1.5"]);
    let wrong = registry
        .scratch()
        .file("wrong", "up.example/a:2.0\nnginx\n");
    let told = registry.command(&["mirror", "image", "-f", wrong.to_str().unwrap()], "");
    assert!(told.fails(64).contains("line 2 of "));
    registry.finish().no_uploads();
}

#[test]
fn patterns_and_ranges_select_tags() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    for name in ["1.20", "1.21.3", "2.0", "latest"] {
        upstream.put("a", name, &image);
    }
    let registry = registry(&upstream, "");
    for (source, to) in [("up.example/a:1.*", "b"), ("up.example/a:>=1.21 <3", "c")] {
        registry.command(&["mirror", "image", source, to], "").ok();
    }
    let client = registry.plain();
    assert_eq!(client.tags("b"), ["1.20", "1.21.3"]);
    assert_eq!(client.tags("c"), ["1.21.3", "2.0"]);
    registry.finish().no_uploads();
}

#[test]
fn one_platform_is_copied_and_the_list_is_kept_as_it_is() {
    let upstream = Upstream::start();
    let platforms = [("linux", "amd64"), ("linux", "arm64")];
    let images = platforms.map(|it| Image::for_platform(Format::Oci, it, &[it.1]));
    for image in &images {
        upstream.put("a", image.digest().as_str(), image);
    }
    let children: [(&Manifest, _); 2] =
        std::array::from_fn(|n| (&images[n].manifest, platforms[n]));
    let index = index_of(Format::Oci, &children);
    upstream.put_manifest("a", "1", &index);
    let registry = registry(&upstream, "");
    let words = [
        "mirror",
        "image",
        "up.example/a:1",
        "--platform",
        "linux/arm64",
    ];
    registry.command(&words, "").ok();
    let client = registry.plain();
    assert_eq!(tag(&client, "up.example/a", "1"), Some(index.digest()));
    let [amd64, arm64] = images.map(|image| image.digest());
    assert_eq!(tag(&client, "up.example/a", amd64.as_str()), None);
    assert_eq!(tag(&client, "up.example/a", arm64.as_str()), Some(arm64));
    registry.finish().no_uploads();
}

#[test]
fn a_second_run_asks_about_the_tag_and_fetches_nothing() {
    let upstream = Upstream::start();
    upstream.put("a", "1", &Image::new(Format::Oci, "x"));
    let registry = registry(&upstream, "");
    registry
        .command(&["mirror", "image", "up.example/a:1"], "")
        .ok();
    let before = upstream.sent();
    let report = document(&registry, &["image", "up.example/a:1"], 0);
    assert_eq!(report["images"][0]["state"], "unchanged");
    assert_eq!(report["totals"]["bytesFetched"], 0);
    let about_tag = upstream
        .asked()
        .into_iter()
        .filter(|asked| matches!(asked.subject(), Subject::Manifest("a", "1")));
    let methods: Vec<_> = about_tag.map(|asked| asked.method.to_string()).collect();
    assert_eq!(methods.last().map(String::as_str), Some("HEAD"));
    // What refers to it, and no more than that.
    assert!(upstream.sent() - before < 1000);
    registry.finish().no_uploads();
}

#[test]
fn an_upstream_that_stutters_is_asked_again() {
    let upstream = Upstream::start();
    let image = Image::new(Format::Oci, "x");
    upstream.put("a", "1", &image);
    upstream.once(
        |asked| matches!(asked.subject(), Subject::Blob(..)),
        Fault::status(503),
    );
    let registry = Registry::with()
        .config(super::config(&upstream, ""))
        .anonymous(Anonymous::Push)
        .start();
    registry
        .command(&["mirror", "image", "up.example/a:1"], "")
        .ok();
    assert_eq!(
        tag(&registry.plain(), "up.example/a", "1"),
        Some(image.digest())
    );
    registry.finish().no_uploads();
}

#[test]
fn a_store_that_takes_no_more_ends_the_copy_and_says_what_makes_room() {
    let upstream = Upstream::start();
    upstream.put("a", "1", &Image::new(Format::Oci, "x"));
    let storage = "[storage]\nmax_size = \"16B\"";
    let registry = registry(&upstream, storage);
    let told = registry.command(&["mirror", "image", "up.example/a:1"], "");
    let reason = "ended early: the store takes ";
    assert!(told.stdout.contains(reason), "{told}");
    let told = told.fails(1);
    assert!(told.contains("hint: `roadstead repo remove`"), "{told}");
    registry.finish().no_uploads();
}
