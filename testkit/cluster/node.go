package main

import (
	"context"
	"fmt"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	authentication "k8s.io/api/authentication/v1"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
)

// node stands in for a kubelet: it asks of the API server what a kubelet
// asks, with a kubelet's rights, and runs nothing. A pod bound to it is
// said to run; a job's pod is said to have succeeded soon after.
type node struct {
	name     string
	place    layout
	port     int
	client   kubernetes.Interface
	pods     cache.SharedIndexInformer
	queue    workqueue.TypedRateLimitingInterface[string]
	recorder record.EventRecorder

	mutex   sync.Mutex
	address int
	seen    map[types.UID]string
}

func nodeName(index int) string { return fmt.Sprintf("node-%d", index+1) }

func nodeCommand() *cobra.Command {
	var folder string
	var index, port int
	command := &cobra.Command{
		Use:  "node",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			context, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
			defer cancel()
			return runNode(context, layout(folder), index, port)
		},
	}
	command.Flags().StringVar(&folder, "folder", "", "the cluster's folder")
	command.Flags().IntVar(&index, "index", 0, "which node this is")
	command.Flags().IntVar(&port, "port", 0, "where its kubelet answers")
	return command
}

func runNode(context context.Context, place layout, index, port int) error {
	name := nodeName(index)
	config, err := clientcmd.BuildConfigFromFlags("", place.kubeconfig(name))
	if err != nil {
		return err
	}
	config.UserAgent = "kubelet/" + kubernetesVersion + " (" + runtime.GOOS + "/" + runtime.GOARCH + ") kubernetes/unknown"
	config.QPS, config.Burst = 50, 100
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(
		func(options *meta.ListOptions) {
			options.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", name).String()
		}))
	broadcaster := record.NewBroadcaster(record.WithContext(context))
	broadcaster.StartRecordingToSink(&typed.EventSinkImpl{Interface: client.CoreV1().Events("")})
	self := &node{
		name: name, place: place, port: port, client: client,
		pods:     factory.Core().V1().Pods().Informer(),
		queue:    workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]()),
		recorder: broadcaster.NewRecorder(scheme.Scheme, core.EventSource{Component: "kubelet", Host: name}),
		seen:     map[types.UID]string{},
		address:  index << 8,
	}
	enqueue := func(object any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
			self.queue.Add(key)
		}
	}
	if _, err := self.pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    enqueue,
		UpdateFunc: func(_, object any) { enqueue(object) },
		DeleteFunc: func(object any) {
			if pod, ok := object.(*core.Pod); ok {
				self.forget(pod.UID)
			}
		},
	}); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- self.serve(context) }()
	if err := self.register(context); err != nil {
		return fmt.Errorf("registering %s: %w", name, err)
	}
	factory.Start(context.Done())
	go self.heartbeat(context)
	go func() {
		<-context.Done()
		self.queue.ShutDown()
	}()
	go func() {
		for {
			key, shutdown := self.queue.Get()
			if shutdown {
				return
			}
			if err := self.sync(context, key); err != nil {
				self.queue.AddRateLimited(key)
			} else {
				self.queue.Forget(key)
			}
			self.queue.Done(key)
		}
	}()
	select {
	case <-context.Done():
		return nil
	case err := <-failed:
		return err
	}
}

func (n *node) register(context context.Context) error {
	room := core.ResourceList{
		core.ResourceCPU:              resource.MustParse("8"),
		core.ResourceMemory:           resource.MustParse("32Gi"),
		core.ResourcePods:             resource.MustParse("250"),
		core.ResourceEphemeralStorage: resource.MustParse("100Gi"),
	}
	made := &core.Node{
		ObjectMeta: meta.ObjectMeta{Name: n.name, Labels: map[string]string{
			"kubernetes.io/hostname": n.name, "kubernetes.io/os": runtime.GOOS, "kubernetes.io/arch": runtime.GOARCH,
		}},
		Status: core.NodeStatus{
			Capacity: room, Allocatable: room,
			Addresses: []core.NodeAddress{
				{Type: core.NodeInternalIP, Address: "127.0.0.1"}, {Type: core.NodeHostName, Address: n.name},
			},
			DaemonEndpoints: core.NodeDaemonEndpoints{KubeletEndpoint: core.DaemonEndpoint{Port: int32(n.port)}},
			NodeInfo: core.NodeSystemInfo{
				KubeletVersion: kubernetesVersion, OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH,
				OSImage: "none: a stand-in", KernelVersion: "none", ContainerRuntimeVersion: "none://0",
			},
			Conditions: conditions(time.Now()),
		},
	}
	_, err := n.client.CoreV1().Nodes().Create(context, made, meta.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return n.patchStatus(context)
	}
	return err
}

func conditions(now time.Time) []core.NodeCondition {
	condition := func(kind core.NodeConditionType, status core.ConditionStatus, reason string) core.NodeCondition {
		return core.NodeCondition{Type: kind, Status: status, Reason: reason,
			LastHeartbeatTime: meta.NewTime(now), LastTransitionTime: meta.NewTime(now)}
	}
	return []core.NodeCondition{
		condition(core.NodeMemoryPressure, core.ConditionFalse, "KubeletHasSufficientMemory"),
		condition(core.NodeDiskPressure, core.ConditionFalse, "KubeletHasNoDiskPressure"),
		condition(core.NodePIDPressure, core.ConditionFalse, "KubeletHasSufficientPID"),
		condition(core.NodeReady, core.ConditionTrue, "KubeletReady"),
	}
}

// patchStatus says where the kubelet answers and that it is well.
func (n *node) patchStatus(context context.Context) error {
	node, err := n.client.CoreV1().Nodes().Get(context, n.name, meta.GetOptions{ResourceVersion: "0"})
	if err != nil {
		return err
	}
	node.Status.Conditions = conditions(time.Now())
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(n.port)
	patch, err := jsonOf(map[string]any{"status": map[string]any{
		"conditions": node.Status.Conditions, "daemonEndpoints": node.Status.DaemonEndpoints,
	}})
	if err != nil {
		return err
	}
	_, err = n.client.CoreV1().Nodes().Patch(context, n.name, types.StrategicMergePatchType, patch, meta.PatchOptions{}, "status")
	return err
}

// heartbeat renews the node's lease every 10 seconds and its status every
// 5 minutes, as kubelets do.
func (n *node) heartbeat(context context.Context) {
	lease, status := time.NewTicker(10*time.Second), time.NewTicker(5*time.Minute)
	defer lease.Stop()
	defer status.Stop()
	n.renew(context)
	for {
		select {
		case <-context.Done():
			return
		case <-lease.C:
			n.renew(context)
		case <-status.C:
			_ = n.patchStatus(context)
		}
	}
}

func (n *node) renew(context context.Context) {
	leases := n.client.CoordinationV1().Leases(core.NamespaceNodeLease)
	now, seconds := meta.NowMicro(), int32(40)
	held, err := leases.Get(context, n.name, meta.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, _ = leases.Create(context, &coordination.Lease{
			ObjectMeta: meta.ObjectMeta{Name: n.name, Namespace: core.NamespaceNodeLease},
			Spec:       coordination.LeaseSpec{HolderIdentity: &n.name, LeaseDurationSeconds: &seconds, RenewTime: &now},
		}, meta.CreateOptions{})
		return
	}
	if err == nil {
		held.Spec.RenewTime = &now
		_, _ = leases.Update(context, held, meta.UpdateOptions{})
	}
}

// sync brings one pod to where a kubelet would have brought it.
func (n *node) sync(context context.Context, key string) error {
	object, exists, err := n.pods.GetStore().GetByKey(key)
	if err != nil || !exists {
		return err
	}
	pod := object.(*core.Pod)
	if pod.DeletionTimestamp != nil {
		now := int64(0)
		err := n.client.CoreV1().Pods(pod.Namespace).Delete(context, pod.Name, meta.DeleteOptions{
			GracePeriodSeconds: &now, Preconditions: meta.NewUIDPreconditions(string(pod.UID)),
		})
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil
		}
		return err
	}
	switch pod.Status.Phase {
	case core.PodPending:
		n.fetchVolumes(context, pod)
		for _, container := range pod.Spec.Containers {
			n.recorder.Eventf(pod, core.EventTypeNormal, "Pulled", "Container image %q already present on machine", container.Image)
			n.recorder.Eventf(pod, core.EventTypeNormal, "Created", "Container created: %s", container.Name)
			n.recorder.Eventf(pod, core.EventTypeNormal, "Started", "Container started: %s", container.Name)
		}
		return n.say(context, pod, core.PodRunning)
	case core.PodRunning:
		if !isOfJob(pod) {
			return nil
		}
		if ran := time.Since(pod.Status.StartTime.Time); ran < jobTime {
			n.queue.AddAfter(key, jobTime-ran)
			return nil
		}
		return n.say(context, pod, core.PodSucceeded)
	}
	return nil
}

// jobTime is how long the pod of a job is said to run.
const jobTime = 3 * time.Second

func isOfJob(pod *core.Pod) bool {
	owner := meta.GetControllerOf(pod)
	return owner != nil && owner.Kind == "Job"
}

// fetchVolumes asks for what the pod mounts, as a kubelet must before it
// starts one: a token for its service account, secrets, config maps.
func (n *node) fetchVolumes(context context.Context, pod *core.Pod) {
	for _, volume := range pod.Spec.Volumes {
		if volume.Secret != nil {
			_, _ = n.client.CoreV1().Secrets(pod.Namespace).Get(context, volume.Secret.SecretName, meta.GetOptions{})
		}
		if volume.ConfigMap != nil {
			_, _ = n.client.CoreV1().ConfigMaps(pod.Namespace).Get(context, volume.ConfigMap.Name, meta.GetOptions{})
		}
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if source.ConfigMap != nil {
				_, _ = n.client.CoreV1().ConfigMaps(pod.Namespace).Get(context, source.ConfigMap.Name, meta.GetOptions{})
			}
			if source.ServiceAccountToken != nil {
				_, _ = n.client.CoreV1().ServiceAccounts(pod.Namespace).CreateToken(context, pod.Spec.ServiceAccountName,
					&authentication.TokenRequest{Spec: authentication.TokenRequestSpec{
						ExpirationSeconds: source.ServiceAccountToken.ExpirationSeconds,
						BoundObjectRef: &authentication.BoundObjectReference{
							APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID,
						},
					}}, meta.CreateOptions{})
			}
		}
	}
}

// say patches the pod's status, as far as others look at it.
func (n *node) say(context context.Context, pod *core.Pod, phase core.PodPhase) error {
	now := meta.Now()
	started := pod.Status.StartTime
	if started == nil {
		started = &now
	}
	state := core.ContainerState{Running: &core.ContainerStateRunning{StartedAt: *started}}
	isReady := core.ConditionTrue
	if phase == core.PodSucceeded {
		isReady = core.ConditionFalse
		state = core.ContainerState{Terminated: &core.ContainerStateTerminated{
			Reason: "Completed", StartedAt: *started, FinishedAt: now,
		}}
	}
	statuses := make([]core.ContainerStatus, 0, len(pod.Spec.Containers))
	for _, container := range pod.Spec.Containers {
		ready := phase == core.PodRunning
		statuses = append(statuses, core.ContainerStatus{
			Name: container.Name, Image: container.Image, ImageID: container.Image, State: state,
			Ready: ready, Started: &ready, ContainerID: "none://" + string(pod.UID) + "-" + container.Name,
		})
	}
	said := make([]core.PodCondition, 0, 4)
	for kind, status := range map[core.PodConditionType]core.ConditionStatus{
		core.PodInitialized: core.ConditionTrue, core.PodScheduled: core.ConditionTrue,
		core.ContainersReady: isReady, core.PodReady: isReady,
	} {
		said = append(said, core.PodCondition{Type: kind, Status: status, LastTransitionTime: now})
	}
	address := n.podAddress(pod.UID)
	patch, err := jsonOf(map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"status": map[string]any{
			"phase": phase, "startTime": started, "hostIP": "127.0.0.1", "conditions": said,
			"podIP": address, "podIPs": []map[string]string{{"ip": address}}, "containerStatuses": statuses,
		},
	})
	if err != nil {
		return err
	}
	_, err = n.client.CoreV1().Pods(pod.Namespace).Patch(context, pod.Name, types.StrategicMergePatchType, patch,
		meta.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

// podAddress is nobody's, but each pod's own.
func (n *node) podAddress(pod types.UID) string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if given, known := n.seen[pod]; known {
		return given
	}
	n.address++
	given := fmt.Sprintf("10.244.%d.%d", n.address>>8&0xff, n.address&0xff)
	n.seen[pod] = given
	return given
}

func (n *node) forget(pod types.UID) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	delete(n.seen, pod)
}
