//! Relative links in Markdown must lead somewhere in the repo. Links to other hosts are not followed.

use super::Finding;

/// `exists` is asked with a path from the repo's root.
pub(super) fn check(path: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fence: Option<&str> = None;
    for (at, line) in text.lines().enumerate() {
        let mark = ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark));
        if fence.is_some() || mark.is_some() {
            fence = if fence.is_some() && fence == mark { None } else { fence.or(mark) };
            continue;
        }
        for target in targets(&without_code(line)).into_iter().filter(|target| is_relative(target)) {
            let found = resolve(path, target).is_some_and(|target| exists(&target));
            if !found {
                findings.push(Finding {
                    path: path.to_owned(),
                    line: at + 1,
                    what: format!("`{target}` leads nowhere"),
                });
            }
        }
    }
    findings
}

/// Takes `code` out of a line, where it has both its marks.
fn without_code(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return line.to_owned();
    }
    parts.into_iter().step_by(2).collect::<Vec<_>>().join(" ")
}

fn targets(line: &str) -> Vec<&str> {
    let inline = line.match_indices("](").map(|(at, mark)| up_to(&line[at + mark.len()..], ')'));
    let html = ["src=\"", "href=\""].into_iter();
    let html = html.flat_map(|start| line.match_indices(start).map(|(at, mark)| up_to(&line[at + mark.len()..], '"')));
    let defined = definition(line).into_iter();
    inline.chain(html).chain(defined).map(without_title).collect()
}

/// `[name]: target`
fn definition(line: &str) -> Option<&str> {
    let (name, target) = line.trim_start().strip_prefix('[')?.split_once("]:")?;
    (!name.starts_with('^') && !name.contains(']')).then(|| target.trim_start())
}

fn up_to(text: &str, end: char) -> &str {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            _ if character == end && depth == 0 => return &text[..at],
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text
}

fn without_title(target: &str) -> &str {
    let target = target.trim();
    target
        .strip_prefix('<')
        .and_then(|inside| inside.split_once('>'))
        .map_or_else(|| target.split_whitespace().next().unwrap_or_default(), |(inside, _)| inside)
}

fn is_relative(target: &str) -> bool {
    let has_scheme =
        target.split_once(':').is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphanumeric()));
    !(target.is_empty() || target.starts_with(['#', '/', '{']) || has_scheme)
}

/// The target as a path from the root; `None` when it leaves the repo.
fn resolve(path: &str, target: &str) -> Option<String> {
    let target = target.split(['#', '?']).next().unwrap_or_default().replace("%20", " ");
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> Vec<usize> {
        let there = ["docs/a.md", "docs/b c.md", "README.md", "docs/pic.png", "docs"];
        check("docs/a.md", text, |target| there.contains(&target)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let text = "[a](a.md) [r](../README.md#top \"title\") ![p](./pic.png)\n[s](<b c.md>) [t](b%20c.md) [d](.)\n[n]: a.md\n<img src=\"pic.png\">\n";
        assert!(broken(text).is_empty(), "{:?}", broken(text));
    }

    #[test]
    fn links_that_lead_nowhere_or_out_of_the_repo_are_found() {
        let text = "[a](b.md)\n[a](a.md) and [r](README.md)\n[o](../../secret.md)\n[n]: gone.md\n<a href=\"gone.html\">x</a>\n";
        assert_eq!(broken(text), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn other_hosts_anchors_and_code_are_left_alone() {
        let text = "[a](https://example.com/x.md) [b](mailto:a@b.c) [c](#here)\n`[d](gone.md)`\n```\n[e](gone.md)\n```\n[^1]: gone.md says so\n";
        assert!(broken(text).is_empty(), "{:?}", broken(text));
    }

    #[test]
    fn a_fence_ends_where_it_ends() {
        assert_eq!(broken("~~~\n```\n[a](gone.md)\n~~~\n[a](gone.md)\n"), [5]);
    }
}
