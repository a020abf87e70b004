//! The rules we ship: every offender at once.

use std::{collections::BTreeMap, fmt::Write as _};

use model::{RuleStep, Severity};
use rules::{
    content::{files, pack},
    engine::Engine,
    field::Source,
    rule::{Priority, Rule},
};

const ATTACK: [&str; 2] = [
    include_str!("../../../../content/attack/containers.csv"),
    include_str!("../../../../content/attack/beyond-containers.csv"),
];
const KUBERNETES: &str = include_str!("../../../../content/attack/kubernetes.csv");

/// `k8s-exec-into-pod` and `K8S_ExecIntoPod` are the same word.
fn folded(word: &str) -> String {
    word.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// The column of a table; the columns wanted come before any with commas.
fn column(table: &str, number: usize) -> Vec<&str> {
    let lines = table.lines().skip(1);
    lines
        .filter_map(|line| line.split(',').nth(number))
        .collect()
}

fn severity(priority: Priority) -> Severity {
    match priority {
        Priority::Emergency | Priority::Alert | Priority::Critical => Severity::Critical,
        Priority::Error => Severity::High,
        Priority::Warning => Severity::Medium,
        Priority::Notice => Severity::Low,
        Priority::Informational | Priority::Debug => Severity::Info,
    }
}

/// What is wrong with one rule.
fn faults(rule: &Rule, folder: &str, name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |text: String| faults.push(text);
    let extension = &rule.extension;
    if folded(name) != folded(&rule.id) {
        fault(format!("its file is {name}.yaml"));
    }
    if extension.title.as_deref() != Some(rule.name.as_str()) {
        fault("its title is not its name".to_owned());
    }
    match extension.severity {
        Some(said) if said == severity(rule.priority) => {}
        said => fault(format!(
            "severity {said:?}, but priority {:?}",
            rule.priority
        )),
    }
    for (what, text, least) in [
        ("why", &extension.why, 120),
        ("fix", &extension.fix, 40),
        ("false_positives", &extension.false_positives, 10),
    ] {
        let length = text.as_deref().map_or(0, str::len);
        if length < least {
            fault(format!(
                "{what}: {length} characters, fewer than {least} say nothing"
            ));
        }
    }
    let why = extension.why.as_deref().unwrap_or("");
    if rule.description.len() < 20 || why.starts_with(rule.description.trim()) {
        fault("its description does not say what it looks for".to_owned());
    }
    let steps = RuleStep::of_text(extension.fix.as_deref().unwrap_or(""));
    if steps.iter().any(|step| step.text.is_empty()) || steps.len() > 8 {
        fault(format!("{} steps, or one that says nothing", steps.len()));
    }
    if extension.maturity.is_none() {
        fault("no maturity".to_owned());
    }
    let tactic = format!("mitre_{}", folder.replace('-', "_"));
    if !rule.tags.contains(&tactic) {
        fault(format!("in folder {folder} without the tag {tactic}"));
    }
    for technique in &extension.attack {
        if !ATTACK
            .iter()
            .any(|table| column(table, 2).contains(&technique.as_str()))
        {
            fault(format!("{technique} is no technique in content/attack"));
        }
        if !rule.tags.contains(technique) {
            fault(format!("no tag {technique}"));
        }
    }
    for technique in &extension.matrix {
        if !column(KUBERNETES, 1).contains(&technique.as_str()) {
            fault(format!(
                "{technique} is not in content/attack/kubernetes.csv"
            ));
        }
    }
    if extension.attack.is_empty() || extension.matrix.is_empty() {
        fault("no technique".to_owned());
    }
    for expects in [true, false] {
        if !extension
            .cases
            .iter()
            .any(|case| case.expects_match == expects)
        {
            fault(format!(
                "no case that {}",
                if expects { "matches" } else { "nearly matches" }
            ));
        }
    }
    if rule.source == Source::Syscall {
        if !rule.id.starts_with("K8S.NODE_") {
            fault("its id does not begin with K8S.NODE_".to_owned());
        }
        if rule
            .on_host
            .as_deref()
            .is_some_and(|id| !id.starts_with("VM_"))
        {
            fault("its id on a host does not begin with VM_".to_owned());
        }
    }
    if extension.suppress.is_none() {
        fault("says of every event again and again: no suppress".to_owned());
    }
    for reference in &extension.references {
        if !reference.starts_with("https://") {
            fault(format!("{reference} is no address"));
        }
    }
    faults
}

#[test]
fn our_rules_keep_our_rules() {
    let mut offenders = String::new();
    let mut ids: BTreeMap<String, u32> = BTreeMap::new();
    for rule in &pack().ruleset.rules {
        for id in rule.ids() {
            *ids.entry(folded(id)).or_default() += 1;
        }
        let path = rule
            .origin
            .rsplit_once(':')
            .map_or(rule.origin.as_str(), |(path, _)| path);
        let mut parts = path.trim_end_matches(".yaml").rsplit('/');
        let (name, folder) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        for fault in faults(rule, folder, name) {
            writeln!(offenders, "{}: {fault}", rule.id).unwrap();
        }
    }
    for (id, times) in ids {
        if times > 1 {
            writeln!(offenders, "{id}: {times} rules of this id").unwrap();
        }
    }
    for (name, text) in files() {
        let rules = text
            .lines()
            .filter(|line| line.starts_with("- rule:"))
            .count();
        let most = usize::from(!name.rsplit('/').next().unwrap_or("").starts_with('_'));
        if rules != most {
            writeln!(offenders, "{name}: {rules} rules instead of {most}").unwrap();
        }
    }
    assert!(offenders.is_empty(), "{offenders}");
}

#[test]
fn our_rules_compile_without_a_warning() {
    let (engine, warnings) = Engine::compile(&pack().ruleset);
    assert!(warnings.is_empty(), "{warnings:?}");
    assert!(
        engine.rules().len() >= 60,
        "{} rules are few",
        engine.rules().len()
    );
}

/// Each alert a control plane's log can show, by the id it is known by.
#[test]
fn no_known_alert_is_missing() {
    const KNOWN: [&str; 22] = [
        "K8S_AbnormalMiActivity",
        "K8S_AdmissionController",
        "K8S_AnomalousPodDeployment",
        "K8S_AnomalousSecretAccess",
        "K8S_ClusterAdminBinding",
        "K8S_CoreDnsModification",
        "K8S_DeleteEvents",
        "K8S_ExposedDashboard",
        "K8S_ExposedKubeflow",
        "K8S_ExposedPostgresBroadIPRange",
        "K8S_ExposedPostgresTrustAuth",
        "K8S_ExposedRedis",
        "K8S_ExposedService",
        "K8S_HighPrivilegesRole",
        "K8S_KubeSystemContainer",
        "K8S_MaliciousContainerImage",
        "K8S_PenTestToolsKubeHunter",
        "K8S_PrivilegedContainer",
        "K8S_SensitiveMount",
        "K8S_ServiceAccountRareOperation",
        "K8S_ServiceAcountPermissionAnomaly",
        "K8S_TI_Proxy",
    ];
    let rules = &pack().ruleset.rules;
    let missing: Vec<_> = KNOWN
        .iter()
        .filter(|id| !rules.iter().any(|rule| rule.id == **id))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Each alert a node's kernel can show, by the id it is known by in a
/// container, and by the one on a host. What only a log of sign-ins can
/// show is missing, and what the sensor's own code raises: what is not in
/// an image, what was fetched and then run, names of mining pools.
#[test]
fn no_known_alert_of_nodes_is_missing() {
    const IN_CONTAINERS: [&str; 67] = [
        "K8S.NODE_AuditDLoggingDisabled",
        "K8S.NODE_BashProfileAccess",
        "K8S.NODE_CommonBot",
        "K8S.NODE_ContainerSSH",
        "K8S.NODE_CronJobAccess",
        "K8S.NODE_CryptoCoinMinerArtifacts",
        "K8S.NODE_CryptoCoinMinerDownload",
        "K8S.NODE_CryptoCoinMinerExecution",
        "K8S.NODE_DataEgressArtifacts",
        "K8S.NODE_DigitalCurrencyMining",
        "K8S.NODE_DownloadAndRunCombo",
        "K8S.NODE_EICAR",
        "K8S.NODE_ExecuteHiddenFile",
        "K8S.NODE_ExploitAttempt",
        "K8S.NODE_ExposedDocker",
        "K8S.NODE_FairwareMalware",
        "K8S.NODE_FirewallDisabled",
        "K8S.NODE_HistoryFileCleared",
        "K8S.NODE_ImageBuildOnNode",
        "K8S.NODE_ImdsCall",
        "K8S.NODE_KnownLinuxAttackTool",
        "K8S.NODE_KnownLinuxCredentialAccessTool",
        "K8S.NODE_KnownLinuxDDoSToolkit",
        "K8S.NODE_KnownLinuxScreenshotTool",
        "K8S.NODE_KubeConfigAccess",
        "K8S.NODE_KubernetesAPI",
        "K8S.NODE_KubernetesDashboard",
        "K8S.NODE_LinuxBackdoorArtifact",
        "K8S.NODE_LinuxRansomwareArtifacts",
        "K8S.NODE_LinuxReconnaissance",
        "K8S.NODE_MinerInContainerImage",
        "K8S.NODE_MismatchedScriptFeatures",
        "K8S.NODE_MitreCalderaTools",
        "K8S.NODE_NamespaceCreation",
        "K8S.NODE_NewSingleUserModeStartupScript",
        "K8S.NODE_NewSudoerAccount",
        "K8S.NODE_OverridingCommonFiles",
        "K8S.NODE_PrivilegedContainerArtifacts",
        "K8S.NODE_PrivilegedExecutionInContainer",
        "K8S.NODE_ReadingHistoryFile",
        "K8S.NODE_ReconnaissanceArtifactsBurst",
        "K8S.NODE_RemoteEncodedPythonDownload",
        "K8S.NODE_ReverseShell",
        "K8S.NODE_ScriptGeneratedFromCommandLine",
        "K8S.NODE_SharedObjectLoadedAsKM",
        "K8S.NODE_ShellcodeOnCommandLine",
        "K8S.NODE_SshKeyAccess",
        "K8S.NODE_SuspectCompilation",
        "K8S.NODE_SuspectConnection",
        "K8S.NODE_SuspectDownload",
        "K8S.NODE_SuspectDownloadArtifacts",
        "K8S.NODE_SuspectExecutablePath",
        "K8S.NODE_SuspectNohup",
        "K8S.NODE_SuspectPasswordChange",
        "K8S.NODE_SuspectPasswordFileAccess",
        "K8S.NODE_SuspectPortForwarding",
        "K8S.NODE_SuspectPostGreAdministration",
        "K8S.NODE_SuspectProcessTermination",
        "K8S.NODE_SuspectUserAddition",
        "K8S.NODE_SuspiciousDNSOverHttps",
        "K8S.NODE_SystemLogRemoval",
        "K8S.NODE_SystemLogRemovalBurst",
        "K8S.NODE_ThreatIntelCommandLineSuspectDomain",
        "K8S.NODE_TimerServiceDisabled",
        "K8S.NODE_TimestampTampering",
        "K8S.NODE_Webshell",
        "K8S.NODE_XorgExploit",
    ];
    const ON_HOSTS: [&str; 73] = [
        "VM_AbnormalDaemonTermination",
        "VM_BinaryGeneratedFromCommandLine",
        "VM_CommandlineSuspectDomain",
        "VM_CommonBot",
        "VM_CompCommonBots",
        "VM_CompSuspiciousScript",
        "VM_CompTestRule",
        "VM_ContainerSSH",
        "VM_CronJobAccess",
        "VM_CryptoCoinMinerArtifacts",
        "VM_CryptoCoinMinerDownload",
        "VM_CryptoCoinMinerExecution",
        "VM_DataEgressArtifacts",
        "VM_DigitalCurrencyMining",
        "VM_DownloadAndRunCombo",
        "VM_EICAR",
        "VM_ExecuteHiddenFile",
        "VM_ExploitAttempt",
        "VM_ExposedDocker",
        "VM_FairwareMalware",
        "VM_FilelessAttackBehavior.Linux",
        "VM_FilelessAttackTechnique.Linux",
        "VM_FilelessAttackToolkit.Linux",
        "VM_FirewallDisabled",
        "VM_HadoopYarnExploit",
        "VM_HistoryFileCleared",
        "VM_ImageBuildOnNode",
        "VM_KnownLinuxAttackTool",
        "VM_KnownLinuxCredentialAccessTool",
        "VM_KnownLinuxDDoSToolkit",
        "VM_KnownLinuxScreenshotTool",
        "VM_KubernetesAPI",
        "VM_KubernetesDashboard",
        "VM_LinuxBackdoorArtifact",
        "VM_LinuxReconnaissance",
        "VM_MailserverExploitation",
        "VM_MinerInContainerImage",
        "VM_MismatchedScriptFeatures",
        "VM_MitreCalderaTools",
        "VM_NewSingleUserModeStartupScript",
        "VM_NewSudoerAccount",
        "VM_OverridingCommonFiles",
        "VM_PrivilegedContainerArtifacts",
        "VM_PrivilegedExecutionInContainer",
        "VM_ReadingHistoryFile",
        "VM_ReverseShell",
        "VM_SshBruteForceFailed",
        "VM_SshKeyAccess",
        "VM_SshKeyAddition",
        "VM_SuspectCompilation",
        "VM_SuspectConnection",
        "VM_SuspectDownload",
        "VM_SuspectDownloadArtifacts",
        "VM_SuspectExecutablePath",
        "VM_SuspectHtaccessFileAccess",
        "VM_SuspectInitialShellCommand",
        "VM_SuspectMixedCaseText",
        "VM_SuspectNetworkConnection",
        "VM_SuspectNohup",
        "VM_SuspectPasswordChange",
        "VM_SuspectPasswordFileAccess",
        "VM_SuspectPhp",
        "VM_SuspectPortForwarding",
        "VM_SuspectProcessAccountPrivilegeCombo",
        "VM_SuspectProcessTermination",
        "VM_SuspectUserAddition",
        "VM_SuspiciousCommandLineExecution",
        "VM_SuspiciousDNSOverHttps",
        "VM_SystemLogRemoval",
        "VM_ThreatIntelCommandLineSuspectDomain",
        "VM_TimerServiceDisabled",
        "VM_TimestampTampering",
        "VM_Webshell",
    ];
    let rules = &pack().ruleset.rules;
    let known: Vec<&str> = rules.iter().flat_map(Rule::ids).collect();
    let missing: Vec<_> = IN_CONTAINERS
        .iter()
        .chain(&ON_HOSTS)
        .filter(|id| !known.contains(*id))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
