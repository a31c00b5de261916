//! Which programs a release carries, for which systems, and where in it they lie.
//!
//! The one table of them. Knows nothing of how a file is read out of an image.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use thiserror::Error;

use super::marker::Marker;
use crate::openshift::arch::Arch;

/// A processor that programs and images are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Machine {
    /// `amd64`.
    Amd64,
    /// `arm64`.
    Arm64,
    /// `ppc64le`.
    Ppc64le,
    /// `s390x`.
    S390x,
}

impl Machine {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Amd64, Self::Arm64, Self::Ppc64le, Self::S390x];

    /// As images write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Ppc64le => "ppc64le",
            Self::S390x => "s390x",
        }
    }

    /// What this program runs on; `amd64` where releases know no such thing.
    pub fn of_this_host() -> Self {
        match std::env::consts::ARCH {
            "aarch64" => Self::Arm64,
            "powerpc64" => Self::Ppc64le,
            "s390x" => Self::S390x,
            _ => Self::Amd64,
        }
    }

    /// What a release of this architecture is for; nothing for one that is for several.
    pub fn of(arch: Arch) -> Option<Self> {
        match arch {
            Arch::Aarch64 => Some(Self::Arm64),
            Arch::Multi => None,
            Arch::Ppc64le => Some(Self::Ppc64le),
            Arch::S390x => Some(Self::S390x),
            Arch::X86_64 => Some(Self::Amd64),
        }
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a program is to run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// `linux/amd64` and its like.
    Linux(Machine),
    /// `mac` or `mac/arm64`, and no other.
    Mac(Machine),
    /// `windows`, on `amd64`.
    Windows,
}

impl Display for System {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linux(machine) => write!(f, "linux/{machine}"),
            Self::Mac(machine) => write!(f, "mac/{machine}"),
            Self::Windows => f.write_str("windows/amd64"),
        }
    }
}

/// Reads `linux`, `mac` (or `darwin`) and `windows`, with or without an architecture, which is `amd64`
/// where none is said.
impl FromStr for System {
    type Err = InvalidSystem;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (os, arch) = text.split_once('/').unwrap_or((text, "amd64"));
        let arch: Arch = arch.parse().map_err(|_| InvalidSystem)?;
        let machine = Machine::of(arch).ok_or(InvalidSystem)?;
        match (os, machine) {
            ("linux", machine) => Ok(Self::Linux(machine)),
            ("mac" | "darwin", Machine::Amd64 | Machine::Arm64) => Ok(Self::Mac(machine)),
            ("windows", Machine::Amd64) => Ok(Self::Windows),
            _ => Err(InvalidSystem),
        }
    }
}

/// A text that names no system that releases have programs for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "not a system that releases have programs for: linux, linux/ARCH, mac, mac/arm64 or windows"
)]
pub struct InvalidSystem;

/// A program that releases carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `ccoctl`.
    Ccoctl,
    /// `ccoctl` built for RHEL 8.
    CcoctlRhel8,
    /// `ccoctl` built for RHEL 9.
    CcoctlRhel9,
    /// `oc`, which is `kubectl` too.
    Oc,
    /// `oc` built for RHEL 8.
    OcRhel8,
    /// `oc` built for RHEL 9.
    OcRhel9,
    /// The installer for bare metal.
    OpenshiftBaremetalInstall,
    /// The installer.
    OpenshiftInstall,
    /// The installer for machines in FIPS mode.
    OpenshiftInstallFips,
}

/// Where a program lies in a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The component that holds it.
    pub component: &'static str,
    /// Its path in that image, without a slash in front.
    pub path: String,
    /// Which of the component's images, where that is a list.
    pub machine: Machine,
}

impl Place {
    fn new(component: &'static str, path: impl Into<String>, machine: Machine) -> Self {
        Self {
            component,
            path: path.into(),
            machine,
        }
    }
}

impl Tool {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 9] = [
        Self::Ccoctl,
        Self::CcoctlRhel8,
        Self::CcoctlRhel9,
        Self::Oc,
        Self::OcRhel8,
        Self::OcRhel9,
        Self::OpenshiftBaremetalInstall,
        Self::OpenshiftInstall,
        Self::OpenshiftInstallFips,
    ];

    /// As it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ccoctl => "ccoctl",
            Self::CcoctlRhel8 => "ccoctl.rhel8",
            Self::CcoctlRhel9 => "ccoctl.rhel9",
            Self::Oc => "oc",
            Self::OcRhel8 => "oc.rhel8",
            Self::OcRhel9 => "oc.rhel9",
            Self::OpenshiftBaremetalInstall => "openshift-baremetal-install",
            Self::OpenshiftInstall => "openshift-install",
            Self::OpenshiftInstallFips => "openshift-install-fips",
        }
    }

    /// What its file is called on this system.
    pub fn file_name(self, system: System) -> &'static str {
        match (self, system) {
            (Self::Oc, System::Windows) => "oc.exe",
            _ => self.name(),
        }
    }

    /// A further name that it goes by on this system.
    pub fn other_name(self, system: System) -> Option<&'static str> {
        matches!((self, system), (Self::Oc, System::Linux(_))).then_some("kubectl")
    }

    /// What is written into it.
    pub fn markers(self) -> &'static [Marker] {
        match self {
            Self::Ccoctl | Self::CcoctlRhel8 | Self::CcoctlRhel9 => &[],
            Self::Oc | Self::OcRhel8 | Self::OcRhel9 => &[Marker::Version],
            Self::OpenshiftBaremetalInstall
            | Self::OpenshiftInstall
            | Self::OpenshiftInstallFips => &[Marker::Image, Marker::Version, Marker::Architecture],
        }
    }

    /// Where it lies in a release for `release`, built for this system; nothing when releases do not
    /// have it so.
    pub fn place(self, system: System, release: Arch) -> Option<Place> {
        match system {
            System::Linux(machine) => self.place_for_linux(machine, release),
            System::Mac(machine) => {
                let directory = match machine {
                    Machine::Arm64 => "mac_arm64",
                    _ => "mac",
                };
                self.artifact(directory, carrier(release))
            }
            System::Windows if self == Self::Oc => {
                let path = "usr/share/openshift/windows/oc.exe";
                Some(Place::new("cli-artifacts", path, carrier(release)))
            }
            System::Windows => None,
        }
    }

    fn place_for_linux(self, machine: Machine, release: Arch) -> Option<Place> {
        let is_native = Machine::of(release).is_none_or(|native| native == machine);
        let native =
            |component, path: &str| is_native.then(|| Place::new(component, path, machine));
        match self {
            Self::Ccoctl | Self::CcoctlRhel8 | Self::CcoctlRhel9 => native(
                "cloud-credential-operator",
                &format!("usr/bin/{}", self.name()),
            ),
            Self::Oc if is_native => native("cli", "usr/bin/oc"),
            Self::Oc | Self::OcRhel8 | Self::OcRhel9 => {
                self.artifact(&format!("linux_{machine}"), carrier(release))
            }
            Self::OpenshiftBaremetalInstall | Self::OpenshiftInstallFips => {
                native("baremetal-installer", "usr/bin/openshift-install")
            }
            Self::OpenshiftInstall if is_native => native("installer", "usr/bin/openshift-install"),
            // Only these two are built on every architecture.
            Self::OpenshiftInstall => matches!(machine, Machine::Amd64 | Machine::Arm64)
                .then(|| self.artifact(&format!("linux_{machine}"), carrier(release)))
                .flatten(),
        }
    }

    /// Where it lies among the programs for other systems.
    fn artifact(self, directory: &str, machine: Machine) -> Option<Place> {
        let component = match self {
            Self::Oc => "cli-artifacts",
            Self::OcRhel8 | Self::OcRhel9 if directory.starts_with("linux_") => "cli-artifacts",
            Self::OpenshiftInstall => "installer-artifacts",
            _ => return None,
        };
        let path = format!("usr/share/openshift/{directory}/{}", self.name());
        Some(Place::new(component, path, machine))
    }
}

/// Which of a list's images is asked for programs of other systems, which all of them carry.
fn carrier(release: Arch) -> Machine {
    Machine::of(release).unwrap_or_else(Machine::of_this_host)
}

impl Display for Tool {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads `oc.exe` too, as what `oc` is on Windows, and `kubectl`, which is `oc`.
impl FromStr for Tool {
    type Err = InvalidTool;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "oc.exe" | "kubectl" => Ok(Self::Oc),
            _ => Self::ALL
                .into_iter()
                .find(|tool| tool.name() == text)
                .ok_or(InvalidTool),
        }
    }
}

/// A text that names no program that releases carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "not a program that releases carry: oc, openshift-install, openshift-baremetal-install, \
     openshift-install-fips, ccoctl, or one of oc and ccoctl with .rhel8 or .rhel9"
)]
pub struct InvalidTool;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tool: &str, system: &str, release: Arch, expected: Option<(&str, &str, Machine)>) {
        let tool: Tool = tool.parse().unwrap();
        let place = tool.place(system.parse().unwrap(), release);
        let found = place
            .as_ref()
            .map(|place| (place.component, place.path.as_str(), place.machine));
        assert_eq!(found, expected, "{tool} for {system} of {release}");
    }

    #[test]
    fn programs_for_the_releases_own_machines_lie_in_images_of_their_own() {
        use Machine::{Amd64, Arm64, S390x};
        let x86 = Arch::X86_64;
        check("oc", "linux", x86, Some(("cli", "usr/bin/oc", Amd64)));
        let (path, s390x) = ("usr/bin/openshift-install", Arch::S390x);
        let found = Some(("installer", path, Amd64));
        check("openshift-install", "linux/x86_64", x86, found);
        let found = Some(("installer", path, S390x));
        check("openshift-install", "linux/s390x", s390x, found);
        for tool in ["openshift-baremetal-install", "openshift-install-fips"] {
            let found = Some(("baremetal-installer", path, Amd64));
            check(tool, "linux", x86, found);
            check(tool, "linux/arm64", x86, None);
            check(tool, "mac", x86, None);
        }
        for tool in ["ccoctl", "ccoctl.rhel8", "ccoctl.rhel9"] {
            let path = format!("usr/bin/{tool}");
            let found = Some(("cloud-credential-operator", path.as_str(), Amd64));
            check(tool, "linux", x86, found);
            check(tool, "linux/ppc64le", x86, None);
            check(tool, "windows", x86, None);
        }
        let found = Some(("cli", "usr/bin/oc", Arm64));
        check("oc", "linux/arm64", Arch::Multi, found);
    }

    #[test]
    fn programs_for_other_systems_lie_side_by_side_in_one_image() {
        use Machine::{Amd64, Ppc64le};
        let (cli, installer) = ("cli-artifacts", "installer-artifacts");
        for (system, directory) in [
            ("mac", "mac"),
            ("darwin/amd64", "mac"),
            ("mac/arm64", "mac_arm64"),
            ("darwin/arm64", "mac_arm64"),
            ("linux/arm64", "linux_arm64"),
        ] {
            let path = format!("usr/share/openshift/{directory}/oc");
            let found = Some((cli, path.as_str(), Amd64));
            check("oc", system, Arch::X86_64, found);
            let path = format!("usr/share/openshift/{directory}/openshift-install");
            let found = Some((installer, path.as_str(), Amd64));
            check("openshift-install", system, Arch::X86_64, found);
        }
        let found = Some((cli, "usr/share/openshift/windows/oc.exe", Ppc64le));
        check("oc.exe", "windows", Arch::Ppc64le, found);
        let found = Some((cli, "usr/share/openshift/linux_amd64/oc.rhel8", Amd64));
        check("oc.rhel8", "linux", Arch::X86_64, found);
        check("oc.rhel9", "mac", Arch::X86_64, None);
        check("openshift-install", "linux/s390x", Arch::X86_64, None);
        check("openshift-install", "windows", Arch::X86_64, None);
    }

    #[test]
    fn systems_are_read_as_oc_takes_them() {
        for (text, expected) in [
            ("linux", "linux/amd64"),
            ("mac", "mac/amd64"),
            ("darwin/aarch64", "mac/arm64"),
            ("windows/amd64", "windows/amd64"),
            ("linux/x86_64", "linux/amd64"),
        ] {
            assert_eq!(text.parse::<System>().unwrap().to_string(), expected);
        }
        for wrong in [
            "",
            "linux/",
            "mac/s390x",
            "windows/arm64",
            "linux/multi",
            "bsd",
        ] {
            assert_eq!(wrong.parse::<System>(), Err(InvalidSystem), "{wrong}");
        }
    }

    #[test]
    fn what_is_written_into_a_program_depends_on_what_it_does() {
        let count = |tool: &str| tool.parse::<Tool>().unwrap().markers().len();
        assert_eq!(["oc", "ccoctl", "openshift-install"].map(count), [1, 0, 3]);
        assert_eq!("kubectl".parse(), Ok(Tool::Oc));
        assert_eq!("opm".parse::<Tool>(), Err(InvalidTool));
    }
}
