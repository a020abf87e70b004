//! What each sort of sink has to be told, as data: forms, help and the
//! reference page are made from it, and the list of secrets too.

/// One sort of sink.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    pub title: &'static str,
    pub about: &'static str,
    /// People read it; a storm should become a digest.
    pub for_people: bool,
    pub fields: &'static [Field],
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub title: &'static str,
    pub input: Input,
    pub required: bool,
    pub secret: bool,
    pub choices: &'static [&'static str],
    /// JSON; empty: none.
    pub default: &'static str,
    pub help: &'static str,
}

/// How it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    Text,
    Url,
    Lines,
    Number,
    Boolean,
    Choice,
    List,
    Pairs,
}

impl Input {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Url => "url",
            Self::Lines => "lines",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Choice => "choice",
            Self::List => "list",
            Self::Pairs => "pairs",
        }
    }
}

impl Field {
    pub(crate) const fn new(
        name: &'static str,
        title: &'static str,
        input: Input,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            title,
            input,
            required: false,
            secret: false,
            choices: &[],
            default: "",
            help,
        }
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    pub(crate) const fn one_of(mut self, choices: &'static [&'static str]) -> Self {
        self.choices = choices;
        self
    }

    pub(crate) const fn default(mut self, json: &'static str) -> Self {
        self.default = json;
        self
    }
}

pub(crate) const ALLOW_PRIVATE: Field = Field::new(
    "allow_private",
    "Allow private addresses",
    Input::Boolean,
    "Also deliver to loopback and private networks. Link-local and metadata addresses are never \
     used.",
)
.default("false");

pub(crate) const CA_CERTIFICATE: Field = Field::new(
    "ca_certificate",
    "Certificate authority",
    Input::Lines,
    "PEM certificates to trust beside the machine's own.",
);
