//! Lists that come page by page, from whoever may never end them.

use std::{collections::HashSet, fmt, vec};

use crate::AskError;

/// Names in one list: ten times the largest repository we know of.
const MOST_NAMES: usize = 1_000_000;
/// Pages in a row that bring nothing.
const MOST_EMPTY: usize = 10;
/// The same where many are asked, and each may have nothing.
const MOST_EMPTY_OF_MANY: usize = 10_000;
/// Longer ones are no names of repositories or tags.
const LONGEST_NAME: usize = 512;

/// One page, and what the next is asked for by.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) names: Vec<String>,
    pub(crate) next: Option<String>,
}

/// Names that came together, and the page the list is read on from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub names: Vec<String>,
    /// As the registry named it; none: that was its end.
    pub next: Option<String>,
}

type Fetch<'a> = dyn FnMut(Option<&str>) -> Result<Page, AskError> + Send + 'a;

/// Names, fetched as they are asked for. After an error it ends: what was
/// given before is true, and what would follow is not known.
pub struct Listing<'a> {
    what: String,
    fetch: Box<Fetch<'a>>,
    page: vec::IntoIter<String>,
    next: Option<String>,
    is_over: bool,
    seen_pages: HashSet<String>,
    empty: usize,
    most_empty: usize,
    given: usize,
    limit: usize,
    /// Whole names and beginnings; none: everything.
    patterns: Vec<String>,
}

impl fmt::Debug for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("what", &self.what)
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

impl<'a> Listing<'a> {
    pub(crate) fn new(
        what: String,
        fetch: impl FnMut(Option<&str>) -> Result<Page, AskError> + Send + 'a,
    ) -> Self {
        Self {
            what,
            fetch: Box::new(fetch),
            page: Vec::new().into_iter(),
            next: None,
            is_over: false,
            seen_pages: HashSet::new(),
            empty: 0,
            most_empty: MOST_EMPTY,
            given: 0,
            limit: MOST_NAMES,
            patterns: Vec::new(),
        }
    }

    /// No more names than so many.
    #[must_use]
    pub fn at_most(mut self, limit: usize) -> Self {
        self.limit = limit.min(MOST_NAMES);
        self
    }

    /// Begins at a page that [`Names::next`] named.
    #[must_use]
    pub(crate) fn begun_at(mut self, page: Option<&str>) -> Self {
        self.next = page.map(str::to_owned);
        self
    }

    /// The names of one page; `None` after the last. To be used instead
    /// of the names one by one, or the rest of a page is passed over.
    pub fn next_page(&mut self) -> Option<Result<Names, AskError>> {
        if self.is_over {
            return None;
        }
        if let Err(error) = self.turn() {
            self.is_over = true;
            return Some(Err(error));
        }
        let page = std::mem::take(&mut self.page);
        let names: Vec<String> = page.filter(|name| self.is_wanted(name)).collect();
        self.given += names.len();
        if self.given > self.limit {
            self.is_over = true;
            let error = self.bounds(format!("it names more than {}", self.limit));
            return Some(Err(error));
        }
        let next = self.next.clone().filter(|_| !self.is_over);
        Some(Ok(Names { names, next }))
    }

    /// For a list that is put together from many.
    pub(crate) fn patient(mut self) -> Self {
        self.most_empty = MOST_EMPTY_OF_MANY;
        self
    }

    /// Only names that are among `patterns`, or begin like one that ends
    /// with `*`.
    pub(crate) fn only(mut self, patterns: Vec<String>) -> Self {
        self.patterns = patterns;
        self
    }

    fn is_wanted(&self, name: &str) -> bool {
        // Not worth a failure, and not worth anything else.
        let is_name = !name.is_empty() && name.len() <= LONGEST_NAME && name.is_ascii();
        let matches = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == pattern,
        };
        is_name && (self.patterns.is_empty() || self.patterns.iter().any(matches))
    }

    /// A list that is known already.
    pub(crate) fn known(what: String, names: Vec<String>) -> Self {
        let mut names = Some(names);
        Self::new(what, move |_| {
            Ok(Page {
                names: names.take().unwrap_or_default(),
                next: None,
            })
        })
    }

    fn end(&mut self, error: AskError) -> Result<String, AskError> {
        self.is_over = true;
        self.page = Vec::new().into_iter();
        Err(error)
    }

    fn bounds(&self, reason: String) -> AskError {
        AskError::Bounds {
            what: self.what.clone(),
            reason,
        }
    }

    fn turn(&mut self) -> Result<(), AskError> {
        let page = (self.fetch)(self.next.as_deref())?;
        self.empty = if page.names.is_empty() {
            self.empty + 1
        } else {
            0
        };
        if self.empty > self.most_empty {
            let most = self.most_empty;
            return Err(self.bounds(format!("more than {most} empty pages in a row")));
        }
        match page.next {
            None => self.is_over = true,
            Some(next) => {
                if !self.seen_pages.insert(next.clone()) {
                    return Err(self.bounds("a page leads back to an earlier one".to_owned()));
                }
                self.next = Some(next);
            }
        }
        self.page = page.names.into_iter();
        Ok(())
    }
}

impl Iterator for Listing<'_> {
    type Item = Result<String, AskError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while let Some(name) = self.page.next() {
                if !self.is_wanted(&name) {
                    continue;
                }
                if self.given >= self.limit {
                    let error = self.bounds(format!("it names more than {}", self.limit));
                    return Some(self.end(error));
                }
                self.given += 1;
                return Some(Ok(name));
            }
            if self.is_over {
                return None;
            }
            if let Err(error) = self.turn() {
                return Some(self.end(error));
            }
        }
    }
}

/// Where a `Link` header says the next page is (RFC 8288).
pub(crate) fn next_link(header: &str) -> Option<&str> {
    header.split(',').find_map(|link| {
        let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            let parameter = parameter.trim();
            let value = parameter
                .strip_prefix("rel=")
                .map(|value| value.trim_matches('"'));
            value.is_some_and(|value| value.eq_ignore_ascii_case("next"))
        });
        is_next.then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(listing: Listing<'_>) -> (usize, Option<String>) {
        let mut count = 0;
        for name in listing {
            match name {
                Ok(_) => count += 1,
                Err(error) => return (count, Some(error.to_string())),
            }
        }
        (count, None)
    }

    #[test]
    fn a_list_without_an_end_is_ended() {
        let mut number = 0;
        let endless = Listing::new("tags".to_owned(), move |_| {
            number += 1;
            Ok(Page {
                names: (0..1000).map(|tag| format!("{number}-{tag}")).collect(),
                next: Some(number.to_string()),
            })
        });
        let (count, error) = names(endless.at_most(100_000));
        assert_eq!(count, 100_000);
        assert!(error.unwrap().contains("more than 100000"));
    }

    #[test]
    fn a_page_that_leads_back_and_pages_of_nothing_end_it() {
        let back = Listing::new("tags".to_owned(), |_| {
            Ok(Page {
                names: vec!["a".to_owned()],
                next: Some("same".to_owned()),
            })
        });
        let (count, error) = names(back);
        assert_eq!(count, 1);
        assert!(error.unwrap().contains("leads back"));
        let mut number = 0;
        let nothing = Listing::new("tags".to_owned(), move |_| {
            number += 1;
            Ok(Page {
                names: Vec::new(),
                next: Some(number.to_string()),
            })
        });
        assert!(names(nothing).1.unwrap().contains("empty pages"));
    }

    #[test]
    fn the_next_page_is_found_in_any_link() {
        for (header, expected) in [
            (
                "</v2/a/tags/list?last=b&n=2>; rel=\"next\"",
                Some("/v2/a/tags/list?last=b&n=2"),
            ),
            (
                "<https://x/1>; rel=prev, <https://x/2>; title=t; rel=next",
                Some("https://x/2"),
            ),
            ("<https://x/1>; rel=prev", None),
            ("", None),
            ("nonsense", None),
        ] {
            assert_eq!(next_link(header), expected, "{header}");
        }
    }
}
