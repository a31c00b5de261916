//! Names and attributes that are there to fill memory, or to mislead.

use super::*;

/// An archive of entries whose attributes are given as they are (POSIX pax).
fn with_attributes(entries: &[(&[u8], &str)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (attributes, path) in entries {
        let mut ahead = header(EntryType::XHeader, attributes.len());
        let added = builder.append_data(&mut ahead, "attributes", *attributes);
        added.unwrap();
        let mut file = header(EntryType::Regular, 1);
        builder.append_data(&mut file, path, &b"x"[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

#[tokio::test]
async fn attributes_that_are_bytes_do_not_hide_a_file_or_name_another() {
    let lab = Lab::new().await;
    // An extended attribute may have line breaks, and what looks like a path.
    let capability = b"48 SCHILY.xattr.security.capability=\x01\n9 path=x\n\n";
    assert_eq!(capability.len(), 48);
    let layer = with_attributes(&[(capability, "d/a"), (b"12 path=d/b\n", "d/other")]);
    let image = lab.image(&[layer]).await;
    assert_eq!(lab.file(&image, "d/a").await.unwrap(), b"x");
    let files = lab.below(&image, "d").await.unwrap();
    let paths: Vec<_> = files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["d/a", "d/b"]);
}

#[tokio::test]
async fn attributes_of_no_form_and_sizes_that_differ_are_refused() {
    let lab = Lab::new().await;
    for attributes in [
        &b"99 path=d/a\n"[..],
        b"path=d/a\n",
        b"9 size=2\n",
        b"9 size=x\n",
    ] {
        let image = lab.image(&[with_attributes(&[(attributes, "d/a")])]).await;
        let refused = lab.file(&image, "d/a").await.unwrap_err();
        assert!(matches!(refused, ReadError::Archive { .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn a_path_that_nothing_could_open_is_refused() {
    let lab = Lab::new().await;
    let path = format!("d/{}", "x".repeat(5000));
    let image = lab.image(&[archive(&[It::File(&path, b"x")])]).await;
    let refused = lab.below(&image, "d").await.unwrap_err();
    assert!(matches!(refused, ReadError::Archive { .. }), "{refused:?}");
}

#[tokio::test]
async fn names_count_as_what_they_take() {
    let lab = Lab::new().await;
    let mut builder = Builder::new(Vec::new());
    let directory = format!("d/{}", "x/".repeat(2000));
    for number in 0..9000 {
        let mut header = header(EntryType::Regular, 0);
        let path = format!("{directory}{number}");
        let added = builder.append_data(&mut header, path, io::empty());
        added.unwrap();
    }
    let image = lab.image(&[builder.into_inner().unwrap()]).await;
    let refused = lab.below(&image, "d").await.unwrap_err();
    let is_told = matches!(refused, ReadError::LargeTogether { .. });
    assert!(is_told, "{refused:?}");
    // What is not looked for takes nothing.
    assert_eq!(lab.below(&image, "e").await.unwrap(), []);
}

#[tokio::test]
async fn files_count_together() {
    let lab = Lab::new().await;
    let large = vec![0; 15 * 1024 * 1024];
    let paths: Vec<_> = (0..5).map(|number| format!("d/{number}")).collect();
    let mut layers = Vec::new();
    for path in &paths {
        layers.push(archive(&[It::File(path, &large)]));
    }
    let image = lab.image(&layers).await;
    let refused = lab.below(&image, "d").await.unwrap_err();
    let is_told = matches!(refused, ReadError::LargeTogether { .. });
    assert!(is_told, "{refused:?}");
}

#[tokio::test]
async fn a_layer_is_called_damaged_before_it_is_called_broken() {
    let lab = Lab::new().await;
    let broken = b"this is no archive, of whatever kind".repeat(20);
    let config = described(lab.blob(b"{}").await, 2);
    let lying = described(lab.blob(&broken).await, broken.len() + 1);
    let refused = lab.file(&manifest(&config, &[lying]), "d/a").await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, ReadError::Damaged { .. }), "{refused:?}");
}
