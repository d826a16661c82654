/**
 * `npm run setup:kube`: makes a real Kubernetes API server for the tests, once per machine. No package carries the binaries, but Debian's source package of
 * Kubernetes builds with Debian's own Go. The result lies outside the checkout, in a folder named after the version of the package; what is there already is not
 * built again. Needs Debian or a kin of it (apt-get, dpkg-source), 4 GB of disk while it builds, 1.3 GiB of memory, and 5 to 15 minutes. Nothing is installed on
 * the machine: packages are unpacked into a folder, so that no daemon starts.
 *
 *   npm run setup:kube                  build what is missing, and say where it is
 *   npm run setup:kube -- --keep-build  leave the source tree for a look
 */
import { buildKube, findKube, KUBE_BINARIES, kubeFolder } from './lib/kube-build.mjs';
import { nodeProblem } from './lib/node-version.mjs';

const problem = nodeProblem(process.version);
if (problem) {
  console.error(problem);
  process.exit(1);
}

const present = findKube();
if (present !== undefined) console.log(`Kubernetes is here already: ${present}`);
else {
  console.log(
    `Building ${KUBE_BINARIES.join(', ')} from Debian's source package: 5 to 15 minutes, once. It goes to ${kubeFolder()}.`,
  );
  const outcome = await buildKube({ keepBuild: process.argv.includes('--keep-build') });
  if (outcome.problem === undefined) console.log(`Kubernetes is ready: ${outcome.folder}`);
  else
    console.error(
      `Kubernetes could not be built: ${outcome.problem}. The tests run on the simulated API server alone. Binaries of your own do as well: ` +
        `put kube-apiserver and etcd into ${kubeFolder('own')}, or name them in KUBE_APISERVER_BIN and ETCD_BIN.`,
    );
  process.exitCode = outcome.problem === undefined ? 0 : 1;
}
