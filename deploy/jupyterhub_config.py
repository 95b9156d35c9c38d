"""JupyterHub on Kubernetes (kubespawner): one pod per user, which serves the page and nothing else.

The same settings as values of the chart "Zero to JupyterHub" are in values.yaml.
"""

c = get_config()  # noqa: F821

c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
c.JupyterHub.concurrent_spawn_limit = 20
c.JupyterHub.active_server_limit = 200
c.JupyterHub.shutdown_on_logout = True  # otherwise a pod lives on until the idle culler ends it

c.Spawner.cmd = ["jupyterhub-singleuser"]
c.Spawner.default_url = "/heatmap/"
c.Spawner.environment = {"HEATMAP_HOST": "hub.example.org"}
c.Spawner.mem_guarantee = "400M"
c.Spawner.mem_limit = "2600M"  # the server, two kernels and a spare one, each at its bound
c.Spawner.cpu_guarantee = 0.1
c.Spawner.cpu_limit = 1
c.Spawner.start_timeout = 120
c.Spawner.http_timeout = 60

c.KubeSpawner.image = "registry.example.org/liqwidget-hub:latest"
c.KubeSpawner.uid = 10001
c.KubeSpawner.allow_privilege_escalation = False
c.KubeSpawner.container_security_context = {"capabilities": {"drop": ["ALL"]}}
c.KubeSpawner.automount_service_account_token = False

c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    }
]
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": ["python3", "-m", "jupyterhub_idle_culler", "--timeout=1800", "--cull-every=120"],
    }
]
