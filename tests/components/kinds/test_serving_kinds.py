"""The objects of KServe, KubeRay and the inference extension, as their controllers read them."""

from pulumi_kubernetes import core

from plinth.kinds import inference, kserve, ray


def test_a_pool_names_its_servers_and_who_picks_one():
    pool = inference.InferencePool(
        selector=inference.LabelSelector(match_labels={"app": "chat"}),
        target_ports=[inference.Port(number=8000)],
        endpoint_picker_ref=inference.EndpointPicker(name="chat-router", port=inference.Port(number=9002)),
    )
    assert pool.to_object() == {
        "selector": {"matchLabels": {"app": "chat"}},
        "targetPorts": [{"number": 8000}],
        "endpointPickerRef": {"name": "chat-router", "port": {"number": 9002}, "failureMode": "FailClose"},
    }


def test_a_service_without_replicas_leaves_their_number_open():
    pod = core.v1.PodSpecArgs(containers=[])
    service = kserve.LLMInferenceService(
        model=kserve.ModelSource(uri="s3://models/acme/chat", name="chat"), template=pod
    )
    assert service.to_object() == {"model": {"uri": "s3://models/acme/chat", "name": "chat"}, "template": pod}


def test_ray_names_are_rays_own():
    service = ray.RayService(
        serve_config_v2="{}",
        upgrade_strategy=ray.UpgradeStrategy(type="NewCluster"),
        ray_cluster_deletion_delay_seconds=60,
        ray_cluster_config=ray.RayClusterSpec(
            ray_version="2.52.0",
            head_group_spec=ray.HeadGroup(
                ray_start_params={"num-cpus": "0"},
                template=ray.PodTemplate(
                    metadata=ray.PodMetadata(labels={"a": "b"}), spec=core.v1.PodSpecArgs(containers=[])
                ),
            ),
            worker_group_specs=[],
        ),
    ).to_object()
    assert set(service) == {
        "serveConfigV2",
        "upgradeStrategy",
        "rayClusterDeletionDelaySeconds",
        "excludeHeadPodFromServeSvc",
        "rayClusterConfig",
    }
    assert service["rayClusterConfig"]["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
