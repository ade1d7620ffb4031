from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from sync.models import Customer
from tests.factories import CustomerFactory
from tests.reports.pages.scenes import Scene, stage


@pytest.fixture
def reader(db: None) -> Client:
    """Somebody who sees everything."""
    client = Client()
    client.force_login(User.objects.create(username="reader", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def scene(db: None) -> Scene:
    """A product with two tests that ended lately and their bugs."""
    return stage(CustomerFactory.create(name="acme"), ended=timezone.now() - timedelta(days=3))


@pytest.fixture
def elsewhere(db: None) -> Scene:
    """The same at another customer."""
    other: Customer = CustomerFactory.create(name="other")
    return stage(other, ended=timezone.now() - timedelta(days=3))


@pytest.fixture
def member(scene: Scene) -> Client:
    """Somebody who may look at everything, of the scene's customer alone, and keep and mail reports of their own."""
    user = User.objects.create(username="somebody")
    wanted = Q(codename__startswith="view_") | Q(codename__in=("add_savedreport", "add_reportschedule"))
    user.user_permissions.set(Permission.objects.filter(wanted))
    scene.product.customer.members.add(user)
    client = Client()
    client.force_login(user)
    return client
