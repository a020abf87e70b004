//! `seawall whatruns` and `seawall fix-first`

use clap::Args;

use super::remote::{Amount, ListFormat, Remote};

/// Show what really runs: images, where, whose, how bad, and what is used
#[derive(Args, Debug)]
#[command(
    after_help = "\
Examples:
  seawall whatruns                                   every image that runs, the worst first
  seawall whatruns --cluster prod --namespace shop
  seawall whatruns --vulnerability CVE-2021-44228    who runs this: workloads and their owners
  seawall whatruns --unscanned                       what runs and was never scanned, and why
  seawall whatruns shop:1 --format json",
    after_long_help = "\
One row for each image that a container of a connected cluster or host runs
now. IN USE counts the packages whose files a sensor saw executed or loaded;
a dash: no sensor watches every container of the image, so nobody knows.
REACH says who can reach it: outside (a load balancer or an ingress leads
there), node (a published or a node's port), inside. PRIORITY, 0 to 1000, is
the highest of its vulnerabilities: severity × likelihood × in use × reach ×
fix; `seawall findings show ID` tells the parts.

With --vulnerability the rows are turned round: one for each workload that runs
an image with it, with its owner, taken from labels such as `owner`, `team` and
`app.kubernetes.io/part-of`.

Examples:
  seawall whatruns
  seawall whatruns --cluster prod --namespace shop
  seawall whatruns --vulnerability CVE-2021-44228
  seawall whatruns --unscanned
  seawall whatruns shop:1 --format json"
)]
pub(crate) struct WhatRuns {
    /// Text in the image's name or digest
    #[arg(value_name = "IMAGE")]
    pub image: Option<String>,
    /// Only this cluster, or this host
    #[arg(short, long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Only this namespace
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Who runs this vulnerability: a row for each workload, with its owner
    #[arg(long, value_name = "ID")]
    pub vulnerability: Option<String>,
    /// Only images that were never scanned
    #[arg(long)]
    pub unscanned: bool,
    /// Only images with findings that an upgrade closes
    #[arg(long, conflicts_with = "unscanned")]
    pub fixable: bool,
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub amount: Amount,
    #[command(flatten)]
    pub remote: Remote,
}

/// Show what to do first: the few steps that close most of what presses
#[derive(Args, Debug)]
#[command(
    after_help = "\
Examples:
  seawall fix-first                       steps for what runs, most pressing first
  seawall fix-first --priority 300        only what presses hard
  seawall fix-first --everything          for images that do not run, too
  seawall fix-first --format json",
    after_long_help = "\
Findings are gathered into steps, each finding into one: what came with the
base image is closed by building again on a newer one, the rest by raising a
package. A base is recognised by its layers, where it is an image the server
knows; else by the label org.opencontainers.image.base.name; else images with
the same lowest layers are taken together. Steps are ordered by the sum of the
priorities they close.

Examples:
  seawall fix-first
  seawall fix-first --priority 300
  seawall fix-first --everything
  seawall fix-first --format json"
)]
pub(crate) struct FixFirst {
    /// Only findings of at least this priority, 0 to 1000
    #[arg(long, value_name = "0..1000", value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub priority: Option<u16>,
    /// Also images that nothing runs
    #[arg(long)]
    pub everything: bool,
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// At most so many steps
    #[arg(short = 'n', long, value_name = "STEPS", default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
    #[command(flatten)]
    pub remote: Remote,
}
