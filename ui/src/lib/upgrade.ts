// What to type to be rid of a finding. Names come from strangers' packages:
// one that a shell could read as anything else gives no command at all.

const SAFE = /^[A-Za-z0-9@][A-Za-z0-9@._:/+~-]*$/;

export interface Upgrade {
  /** Where the command belongs. */
  place: string;
  command: string;
}

export function upgradeFor(kind: string, name: string, version: string): Upgrade | undefined {
  if (!SAFE.test(name) || !SAFE.test(version)) return undefined;
  switch (kind) {
    case 'deb':
      return {
        place: 'In the Dockerfile, or on the machine without RUN',
        command: `RUN apt-get update && apt-get install -y --only-upgrade ${name}`,
      };
    case 'apk':
      return {
        place: 'In the Dockerfile, or on the machine without RUN',
        command: `RUN apk add --no-cache --upgrade ${name}`,
      };
    case 'rpm':
      return {
        place: 'In the Dockerfile, or on the machine without RUN',
        command: `RUN dnf upgrade -y ${name}`,
      };
    case 'npm':
      return { place: 'In the project', command: `npm install ${name}@${version}` };
    case 'pypi':
      return { place: 'In the project', command: `pip install '${name}>=${version}'` };
    case 'golang':
      return name === 'stdlib'
        ? { place: 'Rebuild with Go', command: `go get go@${version}` }
        : { place: 'In the module', command: `go get ${name}@v${version.replace(/^v/, '')}` };
    case 'cargo':
      return { place: 'In the workspace', command: `cargo update -p ${name} --precise ${version}` };
    case 'gem':
      return { place: 'In the project', command: `bundle update ${name}` };
    case 'composer':
      return { place: 'In the project', command: `composer require '${name}:^${version}'` };
    case 'nuget':
      return {
        place: 'In the project',
        command: `dotnet add package ${name} --version ${version}`,
      };
    case 'maven':
      return { place: 'In pom.xml or build.gradle', command: `${name}:${version}` };
    default:
      return undefined;
  }
}
