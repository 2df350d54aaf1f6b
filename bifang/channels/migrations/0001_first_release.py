import bifang.core.secrets.sealed
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('core', '0001_first_release'),
    ]

    operations = [
        migrations.CreateModel(
            name='Worker',
            fields=[
                ('owner', models.CharField(max_length=80, primary_key=True, serialize=False, verbose_name='进程')),
                ('host', models.CharField(max_length=200, verbose_name='主机')),
                ('pid', models.PositiveIntegerField(verbose_name='PID')),
                ('scope', models.CharField(blank=True, default='', max_length=40, verbose_name='范围')),
                ('started_at', models.DateTimeField(verbose_name='启动时间')),
                ('heartbeat_at', models.DateTimeField(verbose_name='心跳')),
                ('running', models.PositiveIntegerField(default=0, verbose_name='进行中')),
                ('waiting', models.PositiveIntegerField(default=0, verbose_name='排队')),
            ],
            options={
                'verbose_name': '工作进程',
                'verbose_name_plural': '工作进程',
            },
        ),
        migrations.CreateModel(
            name='InboxRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('owner', models.CharField(blank=True, default='', max_length=80, verbose_name='处理进程')),
                ('token', models.CharField(blank=True, default='', max_length=64)),
                ('claimed_until', models.DateTimeField(blank=True, null=True, verbose_name='领取到期')),
                ('order_key', models.CharField(editable=False, max_length=32)),
                ('state', models.CharField(choices=[('pending', '等待'), ('claimed', '处理中'), ('done', '已完成'), ('dead', '死信')], default='pending', max_length=8, verbose_name='状态')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='尝试次数')),
                ('not_before', models.DateTimeField(blank=True, null=True, verbose_name='最早处理时间')),
                ('last_error', models.TextField(blank=True, default='', verbose_name='最近错误')),
                ('last_error_at', models.DateTimeField(blank=True, null=True, verbose_name='最近错误时间')),
                ('kind', models.CharField(choices=[('chat', '消息'), ('event', '事件'), ('card', '卡片')], max_length=8, verbose_name='种类')),
                ('external_id', models.CharField(max_length=200, verbose_name='消息 ID')),
                ('conversation_id', models.CharField(blank=True, default='', max_length=200, verbose_name='会话')),
                ('sender_id', models.CharField(blank=True, default='', max_length=200, verbose_name='发送人')),
                ('is_group', models.BooleanField(default=False, verbose_name='群聊')),
                ('urgent', models.BooleanField(default=False, verbose_name='优先')),
                ('text', models.TextField(blank=True, default='', verbose_name='内容')),
                ('payload', models.JSONField(blank=True, default=dict, verbose_name='数据')),
                ('target', models.JSONField(blank=True, null=True, verbose_name='回复地址')),
                ('webhook', bifang.core.secrets.sealed.SealedField(blank=True, null=True)),
                ('webhook_expires_at', models.DateTimeField(blank=True, null=True)),
                ('unreadable', bifang.core.secrets.sealed.SealedField(blank=True, null=True)),
                ('received_at', models.DateTimeField(verbose_name='收到时间')),
                ('told_at', models.DateTimeField(blank=True, null=True, verbose_name='告知排队时间')),
                ('handled_at', models.DateTimeField(blank=True, null=True, verbose_name='完成时间')),
                ('config', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.systemconfig', verbose_name='配置')),
            ],
            options={
                'verbose_name': '收件箱',
                'verbose_name_plural': '收件箱',
                'ordering': ['-id'],
                'permissions': [('read_private_text', '可以查看聊天内容')],
            },
        ),
        migrations.CreateModel(
            name='KnownGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('conversation_id', models.CharField(max_length=200, verbose_name='会话 ID')),
                ('title', models.CharField(blank=True, default='', max_length=200, verbose_name='群名')),
                ('corp_id', models.CharField(blank=True, default='', max_length=100, verbose_name='企业')),
                ('learned_at', models.DateTimeField(verbose_name='得知时间')),
                ('learned_by', models.CharField(blank=True, default='', max_length=200, verbose_name='由谁得知')),
                ('learned_by_id', models.CharField(blank=True, default='', max_length=100, verbose_name='他的员工 ID')),
                ('last_seen_at', models.DateTimeField(verbose_name='最近发言')),
                ('config', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.systemconfig', verbose_name='钉钉配置')),
            ],
            options={
                'verbose_name': '已知的群',
                'verbose_name_plural': '已知的群',
                'ordering': ['-last_seen_at'],
            },
        ),
        migrations.CreateModel(
            name='OutboxRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('owner', models.CharField(blank=True, default='', max_length=80, verbose_name='处理进程')),
                ('token', models.CharField(blank=True, default='', max_length=64)),
                ('claimed_until', models.DateTimeField(blank=True, null=True, verbose_name='领取到期')),
                ('order_key', models.CharField(editable=False, max_length=32)),
                ('state', models.CharField(choices=[('pending', '等待'), ('claimed', '处理中'), ('done', '已完成'), ('dead', '死信')], default='pending', max_length=8, verbose_name='状态')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='尝试次数')),
                ('not_before', models.DateTimeField(blank=True, null=True, verbose_name='最早处理时间')),
                ('last_error', models.TextField(blank=True, default='', verbose_name='最近错误')),
                ('last_error_at', models.DateTimeField(blank=True, null=True, verbose_name='最近错误时间')),
                ('key', models.CharField(max_length=120, verbose_name='标识')),
                ('title', models.CharField(blank=True, default='', max_length=200, verbose_name='标题')),
                ('text', models.TextField(verbose_name='内容')),
                ('buttons', models.JSONField(blank=True, null=True, verbose_name='按钮')),
                ('at_staff_id', models.CharField(blank=True, default='', max_length=100, verbose_name='@谁')),
                ('target', models.JSONField(default=dict, verbose_name='地址')),
                ('webhook', bifang.core.secrets.sealed.SealedField(blank=True, null=True)),
                ('webhook_expires_at', models.DateTimeField(blank=True, null=True)),
                ('route', models.CharField(blank=True, default='', max_length=10, verbose_name='途径')),
                ('receipt', models.CharField(blank=True, default='', max_length=200, verbose_name='回执')),
                ('created_at', models.DateTimeField(verbose_name='创建时间')),
                ('sent_at', models.DateTimeField(blank=True, null=True, verbose_name='送达时间')),
                ('config', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.systemconfig', verbose_name='配置')),
                ('inbox', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='replies', to='channels.inboxrow', verbose_name='来自')),
            ],
            options={
                'verbose_name': '发件箱',
                'verbose_name_plural': '发件箱',
                'ordering': ['-id'],
            },
        ),
        migrations.AddIndex(
            model_name='inboxrow',
            index=models.Index(condition=models.Q(('state__in', ('pending', 'claimed'))), fields=['order_key', 'id'], name='inbox_open'),
        ),
        migrations.AddIndex(
            model_name='inboxrow',
            index=models.Index(fields=['state', 'id'], name='inbox_state'),
        ),
        migrations.AddIndex(
            model_name='inboxrow',
            index=models.Index(fields=['handled_at'], name='inbox_handled'),
        ),
        migrations.AddIndex(
            model_name='inboxrow',
            index=models.Index(condition=models.Q(('webhook__isnull', False)), fields=['webhook_expires_at'], name='inbox_webhook'),
        ),
        migrations.AddConstraint(
            model_name='inboxrow',
            constraint=models.UniqueConstraint(fields=('config', 'kind', 'external_id'), name='inbox_once'),
        ),
        migrations.AddConstraint(
            model_name='knowngroup',
            constraint=models.UniqueConstraint(fields=('config', 'conversation_id'), name='known_group_once'),
        ),
        migrations.AddIndex(
            model_name='outboxrow',
            index=models.Index(condition=models.Q(('state__in', ('pending', 'claimed'))), fields=['order_key', 'id'], name='outbox_open'),
        ),
        migrations.AddIndex(
            model_name='outboxrow',
            index=models.Index(fields=['state', 'id'], name='outbox_state'),
        ),
        migrations.AddIndex(
            model_name='outboxrow',
            index=models.Index(fields=['sent_at'], name='outbox_sent'),
        ),
        migrations.AddIndex(
            model_name='outboxrow',
            index=models.Index(condition=models.Q(('webhook__isnull', False)), fields=['webhook_expires_at'], name='outbox_webhook'),
        ),
        migrations.AddConstraint(
            model_name='outboxrow',
            constraint=models.UniqueConstraint(fields=('key',), name='outbox_once'),
        ),
    ]
