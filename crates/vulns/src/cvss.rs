//! Scores of CVSS vectors, whichever version of the standard wrote them.

use model::Severity;

/// Longer than any vector with every metric of version 4.0 given.
const MAX_LENGTH: usize = 512;

const BASE_METRICS_3: [&str; 8] = ["AV:", "AC:", "PR:", "UI:", "S:", "C:", "I:", "A:"];

/// The score of a CVSS 2.0, 3.0, 3.1 or 4.0 vector, 0.0–10.0; `None`
/// when it is no valid vector.
///
/// Versions 2 and 3 give the base score. Version 4 has one score, in
/// which the metrics beyond the base ones count where they are given.
pub fn score(vector: &str) -> Option<f64> {
    if vector.len() > MAX_LENGTH {
        return None;
    }
    // The National Vulnerability Database used to print version 2
    // vectors in parentheses.
    let vector = vector.trim();
    let vector = vector
        .strip_prefix('(')
        .and_then(|vector| vector.strip_suffix(')'))
        .unwrap_or(vector);
    let parsed: cvss::Cvss = vector.parse().ok()?;
    // The crate scores a version 3 vector that lacks base metrics, all
    // of which the standard requires, as if they were harmless.
    let is_whole = match parsed {
        cvss::Cvss::CvssV30(_) | cvss::Cvss::CvssV31(_) => {
            let has = |metric: &str| vector.split('/').any(|part| part.starts_with(metric));
            BASE_METRICS_3.into_iter().all(has)
        }
        _ => true,
    };
    is_whole.then(|| parsed.score())
}

/// The severity its score stands for.
pub fn severity(vector: &str) -> Option<Severity> {
    score(vector).map(Severity::from_cvss)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(vector: &str, expected: f64) {
        let score = score(vector).expect("a valid vector");
        assert!((score - expected).abs() < 0.001, "{vector}: {score}");
    }

    #[test]
    fn version_2_vectors_score_as_the_guides_examples() {
        // CVSS v2 complete guide, section 3.3: CVE-2002-0392,
        // CVE-2003-0818, CVE-2003-0062.
        check("AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8);
        check("AV:N/AC:L/Au:N/C:C/I:C/A:C", 10.0);
        check("(AV:L/AC:H/Au:N/C:C/I:C/A:C)", 6.2);
    }

    #[test]
    fn version_3_vectors_score_as_the_examples_document() {
        // CVSS v3.1 examples: CVE-2013-1937, CVE-2014-0160,
        // CVE-2014-6271, CVE-2014-3566.
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1);
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5);
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8);
        check("CVSS:3.0/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1);
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0);
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0);
    }

    #[test]
    fn temporal_metrics_do_not_change_a_base_score() {
        check(
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O/RC:C",
            9.8,
        );
    }

    #[test]
    fn version_4_vectors_score_as_the_examples_document() {
        // CVSS v4.0 examples: CVE-2022-41741, CVE-2020-3549,
        // CVE-2023-3089, CVE-2021-44714.
        check(
            "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            7.3,
        );
        check(
            "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            7.7,
        );
        check(
            "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:H/VI:L/VA:L/SC:N/SI:N/SA:N",
            8.3,
        );
        check(
            "CVSS:4.0/AV:L/AC:L/AT:N/PR:N/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N",
            4.6,
        );
    }

    #[test]
    fn severities_follow_the_scores() {
        let critical = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
        assert_eq!(severity(critical), Some(Severity::Critical));
        assert_eq!(severity("AV:N/AC:L/Au:N/C:N/I:N/A:C"), Some(Severity::High));
    }

    #[test]
    fn nonsense_has_no_score() {
        for vector in [
            "",
            "high",
            "CVSS:3.1",
            "CVSS:3.1/AV:N",
            "CVSS:9.9/AV:N",
            "AV:N/AC:L",
            "()",
        ] {
            assert_eq!(score(vector), None, "{vector}");
        }
        assert_eq!(score(&"CVSS:3.1/AV:N/".repeat(100)), None);
    }
}
